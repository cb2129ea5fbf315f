/** Leave to begin, over real streams. */

import assert from "node:assert/strict";
import { afterEach, it } from "node:test";
import { listPermits } from "../../../../controller/store/permits.ts";
import { Inventory, Schedules } from "../../../../proto/gen/luksmith/v1/fleet.ts";
import { RunState, Verb } from "../../../../proto/gen/luksmith/v1/types.ts";
import { eachStore } from "../harness/each-store.ts";
import { reportOf } from "../harness/fleet-rows.ts";
import { type TestAgent, until } from "../harness/test-agent.ts";
import { TestFleet } from "../harness/test-fleet.ts";

const occurrence = new Date(1_764_340_000_000);
const permit = { schedule: "nightly", occurrence, job: "home", volume: "" };

const nightly: Schedules = Schedules.fromPartial({
  revision: "r1",
  assignments: [{ schedule: "nightly", work: { verb: Verb.BACKUP, job: "home" }, cron: "@daily", needsPermit: true }],
});

function ask(agent: TestAgent, other: Partial<typeof permit> = {}): void {
  agent.say({ $case: "permitRequest", value: { ...permit, ...other, backupHost: "host:22" } });
}

eachStore("a permit", (scene) => {
  const fleets: TestFleet[] = [];
  afterEach(async () => {
    for (const fleet of fleets.splice(0)) await fleet.close();
  });
  const start = async (place?: Awaited<ReturnType<typeof scene.open>>) => {
    const fleet = await TestFleet.start(place ?? (await scene.open()));
    fleets.push(fleet);
    fleet.rules.limits.set("nightly", { fleet: 1, perBackupHost: undefined });
    fleet.rules.schedules = nightly;
    for (const id of ["m1", "m2", "m3"]) await fleet.machine(id);
    const [m1, m2, m3] = [await fleet.agent("m1"), await fleet.agent("m2"), await fleet.agent("m3")];
    for (const agent of [m1, m2, m3]) await agent.join();
    return { fleet, m1, m2, m3 };
  };

  it("goes to one after another, in the order in which they asked", async () => {
    const { fleet, m1, m2, m3 } = await start();
    ask(m1);
    assert.deepEqual(await m1.waitFor("permitGrant"), permit);
    ask(m2);
    await until(
      async () => (await listPermits(fleet.store.database)).length === 2,
      () => "the second has not asked",
    );
    ask(m3);
    await until(
      async () => (await listPermits(fleet.store.database)).length === 3,
      () => "the third has not asked",
    );
    assert.deepEqual([m2.told("permitGrant"), m3.told("permitGrant")], [[], []]);
    m1.say({ $case: "permitReturn", value: permit });
    await m2.waitFor("permitGrant");
    assert.deepEqual(m3.told("permitGrant"), []);
    // it says that its run is over, and forgets to give the permit back
    const cause = { schedule: "nightly", occurrence };
    m2.say({ $case: "runReport", value: reportOf("r1", { state: RunState.DONE }, cause) });
    await m3.waitFor("permitGrant");
  });

  it("is no machine's whose schedules need none, and each has one of a task at most", async () => {
    const { fleet, m1, m2 } = await start();
    ask(m1, { schedule: "weekly" });
    ask(m1, { job: "other" });
    ask(m1);
    await m1.waitFor("permitGrant");
    ask(m1, { occurrence: new Date(occurrence.getTime() + 60_000) });
    await m1.waitFor("permitGrant", 1);
    const held = await listPermits(fleet.store.database);
    assert.deepEqual(
      held.map(({ schedule, job, occurrenceMs }) => [schedule, job, occurrenceMs]),
      [["nightly", "home", occurrence.getTime() + 60_000]],
    );
    m1.say({ $case: "permitReturn", value: { ...permit, occurrence: new Date(occurrence.getTime() + 60_000) } });
    ask(m2);
    await m2.waitFor("permitGrant");
  });

  it("is told again to an agent that asks again, and lost by one that was started anew", async () => {
    const { fleet, m1, m2 } = await start();
    ask(m1);
    await m1.waitFor("permitGrant");
    ask(m2);
    m1.leave();
    await m1.waitForEnd();
    await m1.join();
    ask(m1);
    await m1.waitFor("permitGrant", 1);
    assert.deepEqual(m2.told("permitGrant"), []);
    const again = await fleet.agent("m1", "another");
    await again.join();
    ask(again);
    await m2.waitFor("permitGrant");
  });

  it("is one of several for a machine that says to have many jobs, and the others have theirs", async () => {
    const { fleet, m1, m2, m3 } = await start();
    fleet.rules.limits.set("nightly", { fleet: 3, perBackupHost: undefined, deadlineMs: 3_600_000 });
    fleet.rules.schedules = Schedules.fromPartial({
      revision: "r2",
      assignments: [{ schedule: "nightly", work: { verb: Verb.BACKUP, job: "*" }, cron: "@daily", needsPermit: true }],
    });
    fleet.store.notices.tell("schedules", "");
    for (const agent of [m1, m2, m3]) await agent.waitFor("schedules", 1);
    const jobs = Array.from({ length: 20 }, (_, number) => ({ name: `job${number}`, volume: "v" }));
    m1.say({ $case: "inventory", value: Inventory.fromPartial({ jobs }) });
    for (const { name } of jobs) ask(m1, { job: name });
    ask(m1, { job: "one-that-it-does-not-have" });
    ask(m1, { job: "" });
    await until(
      async () => (await listPermits(fleet.store.database)).length === 20,
      () => "it has not asked",
    );
    for (const agent of [m2, m3]) ask(agent);
    for (const agent of [m2, m3]) await agent.waitFor("permitGrant");
    assert.equal(m1.told("permitGrant").length, 1);
    const first = m1.told("permitGrant")[0]?.job;
    m1.say({ $case: "permitReturn", value: { ...permit, job: first ?? "" } });
    const next = await m1.waitFor("permitGrant", 1);
    assert.notEqual(next.job, first);
    assert.equal(
      (await listPermits(fleet.store.database)).filter(({ grantedMs }) => grantedMs !== undefined).length,
      3,
    );
  });
});
