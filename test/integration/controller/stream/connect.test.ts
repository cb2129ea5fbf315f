/** An agent's stream, from its Hello to its end, over real gRPC and on both databases. */

import assert from "node:assert/strict";
import { afterEach, it } from "node:test";
import { pino } from "pino";
import { systemClock } from "../../../../common/clock.ts";
import { listJobStates } from "../../../../controller/store/job-states.ts";
import { changeMachine, getMachine } from "../../../../controller/store/machines.ts";
import { eventsAfter } from "../../../../controller/store/run-events.ts";
import { getRun } from "../../../../controller/store/runs.ts";
import { Inventory, Schedules, Trust } from "../../../../proto/gen/luksmith/v1/fleet.ts";
import { RunState } from "../../../../proto/gen/luksmith/v1/types.ts";
import { eachStore } from "../harness/each-store.ts";
import { noteEvent, reportOf } from "../harness/fleet-rows.ts";
import { until } from "../harness/test-agent.ts";
import { TestFleet } from "../harness/test-fleet.ts";

const inventory = Inventory.fromPartial({ jobs: [{ name: "home", volume: "v" }], allowed: ["backup"] });
const schedules = (revision: string, deadlineMs = 0) =>
  Schedules.fromPartial({ revision, assignments: [{ schedule: "nightly", work: { job: "home", deadlineMs } }] });

eachStore("a stream", (scene) => {
  const fleets: TestFleet[] = [];
  afterEach(async () => {
    for (const fleet of fleets.splice(0)) await fleet.close();
  });
  const start = async (...ids: string[]) => {
    const fleet = await TestFleet.start(await scene.open());
    fleets.push(fleet);
    for (const id of ids) await fleet.machine(id);
    return fleet;
  };

  it("begins with Hello and Welcome, and is known as long as it lasts", async () => {
    const fleet = await start("m1");
    const { database } = fleet.store;
    const agent = await fleet.agent("m1");
    const ahead = 3_600_000;
    const welcome = await agent.join({ inventory, version: "7", time: new Date(Date.now() + ahead) });
    assert.deepEqual([welcome.machineId, welcome.name, welcome.controller], ["m1", "name-m1", "c1"]);
    assert.equal(welcome.heartbeatEvery?.intervalMs, 10_000);
    const machine = await getMachine(database, "m1");
    assert.deepEqual([machine?.controllerId, machine?.version, machine?.address], ["c1", "7", "127.0.0.1"]);
    assert.ok(Math.abs((machine?.clockSkewMs ?? 0) - ahead) < 60_000);
    assert.deepEqual(
      (await listJobStates(database)).map(({ job }) => job),
      ["home"],
    );
    agent.leave();
    await until(
      async () => (await getMachine(database, "m1"))?.controllerId === undefined,
      () => "it still counts as connected",
    );
    assert.equal(fleet.fleet.sessions.count, 0);
  });

  it("is not begun for an agent that has gone while its Hello waited for the store", async (t) => {
    const fleet = await start("m1");
    const { sessions } = fleet.fleet;
    const agent = await fleet.agent("m1");
    const [held, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const holding = sessions.journal.run(async () => {
      held.resolve();
      await released.promise;
    });
    await held.promise;
    const asked = t.mock.method(sessions, "beginStream");
    const isAsked = (times: number) =>
      until(
        () => asked.mock.callCount() === times,
        () => `Hello number ${times} has not come`,
      );
    agent.connect();
    agent.hello();
    await isAsked(1);
    agent.leave();
    agent.connect();
    agent.hello();
    await isAsked(2);
    released.resolve();
    await holding;
    await agent.waitFor("welcome");
    const row = await fleet.store.database.selectFrom("machines").select("stream").executeTakeFirstOrThrow();
    assert.equal(row.stream, 1);
  });

  it("stores what it reports before it says so", async () => {
    const fleet = await start("m1");
    const { database } = fleet.store;
    const agent = await fleet.agent("m1");
    await agent.join({ inventory });
    agent.say({ $case: "runReport", value: reportOf("r1") });
    assert.deepEqual(await agent.waitFor("recorded"), { runId: "r1", seq: 0, ended: false });
    assert.equal((await getRun(database, "m1", "r1"))?.state, RunState.RUNNING);
    agent.say({ $case: "runEvents", value: { runId: "r1", events: [noteEvent(1), noteEvent(2)] } });
    assert.deepEqual(await agent.waitFor("recorded", 1), { runId: "r1", seq: 2, ended: false });
    assert.equal((await eventsAfter(database, "m1", "r1", 0, 9)).length, 2);
    agent.say({ $case: "runReport", value: reportOf("r1", { state: RunState.DONE }) });
    assert.deepEqual(await agent.waitFor("recorded", 2), { runId: "r1", seq: 2, ended: true });
    const [job] = await listJobStates(database);
    assert.deepEqual([job?.lastGoodMs, job?.last?.runId], [1_000_000, "r1"]);
  });

  it("takes nothing for another machine's, whatever an agent says", async () => {
    const fleet = await start("m1", "m2");
    const { database } = fleet.store;
    const [honest, liar] = [await fleet.agent("m1"), await fleet.agent("m2")];
    await honest.join();
    await liar.join();
    honest.say({ $case: "runReport", value: reportOf("r1") });
    await honest.waitFor("recorded");
    liar.say({ $case: "runEvents", value: { runId: "r1", events: [noteEvent(1)] } });
    await liar.waitFor("recorded");
    liar.say({ $case: "runReport", value: reportOf("r1", { state: RunState.DONE }) });
    await liar.waitFor("recorded", 1);
    assert.equal((await getRun(database, "m1", "r1"))?.state, RunState.RUNNING);
    assert.deepEqual(await eventsAfter(database, "m1", "r1", 0, 9), []);
    assert.deepEqual(await eventsAfter(database, "m2", "r1", 0, 9), []);
  });

  it("stores text that no database would take as text that it does", async () => {
    const fleet = await start("m1");
    const agent = await fleet.agent("m1");
    await agent.join({ hostname: "ho\u0000st\u001b[2J" });
    agent.say({ $case: "runReport", value: reportOf("r1", { summary: "a\u0000b\u009bc\nd" }) });
    await agent.waitFor("recorded");
    assert.equal((await getMachine(fleet.store.database, "m1"))?.hostname, "ho\ufffdst\ufffd[2J");
    assert.equal((await getRun(fleet.store.database, "m1", "r1"))?.report.run?.summary, "a\ufffdb\ufffdc\nd");
  });

  it("gives schedules to an agent that has others, and again when they change", async () => {
    const fleet = await start("m1");
    fleet.rules.schedules = schedules("s1", 5000);
    const agent = await fleet.agent("m1");
    await agent.join({ schedulesRevision: "s0" });
    assert.equal((await agent.waitFor("schedules")).revision, "s1");
    const other = await fleet.agent("m1");
    fleet.rules.schedules = schedules("s2", 5000);
    fleet.store.notices.tell("schedules", "nightly");
    assert.equal((await agent.waitFor("schedules", 1)).revision, "s2");
    agent.leave();
    await other.join({ schedulesRevision: "s2" });
    // what takes longer than its schedule allows is late
    other.say({ $case: "runReport", value: reportOf("r1", {}, { schedule: "nightly" }) });
    await other.waitFor("recorded");
    assert.deepEqual(other.told("schedules"), []);
    assert.equal((await getRun(fleet.store.database, "m1", "r1"))?.lateMs, 1_005_000);
    await until(
      async () => (await getMachine(fleet.store.database, "m1"))?.schedulesRevision === "s2",
      () => "its revision is not known",
    );
  });

  it("tells what an agent is to trust, once", async () => {
    const fleet = await start("m1");
    fleet.rules.trust = { authorities: "PEM", addresses: ["a:1"], renew: true, revokedControllers: { ids: ["c9"] } };
    const agent = await fleet.agent("m1");
    const issuer = "ab".repeat(32);
    await agent.join({ trust: Trust.fromPartial({ issuer: "" }) });
    assert.deepEqual(await agent.waitFor("newTrust"), fleet.rules.trust);
    agent.say({ $case: "trust", value: Trust.fromPartial({ issuer }) });
    agent.say({ $case: "runReport", value: reportOf("r1") });
    await agent.waitFor("recorded");
    assert.equal(agent.told("newTrust").length, 1);
    assert.equal((await getMachine(fleet.store.database, "m1"))?.trust.issuer, issuer);
    fleet.rules.trust = { ...fleet.rules.trust, renew: false };
    fleet.store.notices.tell("authority", "x");
    assert.equal((await agent.waitFor("newTrust", 1)).renew, false);
  });

  it("tells an agent that does not say which addresses it has of them once for each stream", async () => {
    let aheadMs = 0;
    const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + aheadMs };
    const fleet = await TestFleet.start(await scene.open(), "c1", clock);
    fleets.push(fleet);
    await fleet.machine("m1");
    const addresses = ["a:1", "b:1"];
    fleet.rules.orderOf = (trust) =>
      JSON.stringify(trust.addresses) === JSON.stringify(addresses)
        ? undefined
        : { authorities: "", addresses, renew: false, revokedControllers: undefined };
    const agent = await fleet.agent("m1");
    await agent.join();
    assert.deepEqual((await agent.waitFor("newTrust")).addresses, addresses);
    // as it answers, and as it is looked at now and then
    for (let n = 1; n <= 3; n += 1) {
      agent.say({ $case: "trust", value: Trust.create() });
      agent.say({ $case: "runReport", value: reportOf(`r${n}`) });
      await agent.waitFor("recorded", n - 1);
    }
    // after what is told again would have been
    aheadMs = 3_600_000;
    const looked = fleet.fleet.sessions.of("m1")?.pushTrust();
    aheadMs = 0;
    await looked;
    assert.equal(agent.told("newTrust").length, 1);
    agent.leave();
    await agent.waitForEnd();
    await agent.join();
    await agent.waitFor("newTrust", 1);
  });

  it("shows people that a machine refuses what it was told to believe", async () => {
    const fleet = await start("m1");
    const agent = await fleet.agent("m1");
    const noticed = (text: RegExp) => async () =>
      text.test((await getMachine(fleet.store.database, "m1"))?.notice ?? "");
    const refused = (message: string) => Trust.fromPartial({ refused: { code: "refused", message } });
    await agent.join({ trust: refused("c9: it would be shut\u0007 out") });
    await until(
      noticed(/refuses what it was told to believe: c9: it would be shut\ufffd out$/),
      () => "nobody is told",
    );
    agent.say({ $case: "trust", value: refused(`c1: ${"x".repeat(5000)}`) });
    await until(noticed(/believe: c1: x{400,500}$/), () => "nobody is told of the second");
  });

  it("does not let a machine fill the log by what it refuses, nor hide by it that there are two of it", async () => {
    const lines: string[] = [];
    const log = pino({ level: "warn" }, { write: (line: string) => void lines.push(line) });
    const fleet = await TestFleet.start(await scene.open(), "c1", systemClock, { log });
    fleets.push(fleet);
    await fleet.machine("m1");
    const [older, newer] = [await fleet.agent("m1", "older"), await fleet.agent("m1", "newer")];
    await older.join();
    await newer.join();
    const notice = async () => (await getMachine(fleet.store.database, "m1"))?.notice ?? "";
    await until(
      async () => /two agents/.test(await notice()),
      () => "nobody is told of the two",
    );
    for (let n = 1; n <= 50; n += 1) {
      const refused = { code: "refused", message: `${n} ${"x".repeat(8000)}` };
      newer.say({ $case: "trust", value: Trust.fromPartial({ refused }) });
    }
    newer.say({ $case: "runReport", value: reportOf("r1") });
    await newer.waitFor("recorded");
    assert.match(await notice(), /two agents/);
    assert.ok(lines.length < 10 && lines.join("").length < 10_000, `${lines.length} lines`);
  });

  it("welcomes a machine that nobody has confirmed, and lets it come again when somebody does", async () => {
    const fleet = await start();
    await fleet.machine("m1", { state: "pending", name: undefined });
    const agent = await fleet.agent("m1");
    assert.equal((await agent.join()).name, "");
    await changeMachine(fleet.store.database, "m1", { state: "active", name: "web" });
    fleet.store.notices.tell("machine", "m1");
    assert.equal((await agent.waitFor("goodbye")).reason, "confirmed");
    await agent.waitForEnd();
    assert.equal((await agent.join()).name, "web");
  });

  it("ends at once when the machine is revoked, and does not begin again", async () => {
    const fleet = await start("m1");
    const agent = await fleet.agent("m1");
    await agent.join();
    await changeMachine(fleet.store.database, "m1", { state: "revoked" });
    fleet.store.notices.tell("machine", "m1");
    assert.equal((await agent.waitFor("goodbye")).reason, "revoked");
    await agent.waitForEnd();
    await until(
      () => fleet.cut.includes("m1"),
      () => "its connections were not cut",
    );
    agent.connect();
    agent.hello();
    assert.equal((await agent.waitFor("goodbye", 1)).reason, "revoked");
    assert.equal(agent.told("welcome").length, 1);
  });

  it("goes to the newer of two agents with one identity, and both are named", async () => {
    const fleet = await start("m1");
    const [older, newer] = [await fleet.agent("m1", "older"), await fleet.agent("m1", "newer")];
    await older.join();
    await newer.join();
    const goodbye = await older.waitFor("goodbye");
    assert.equal(goodbye.reason, "replaced");
    assert.match(goodbye.message, /older from 127\.0\.0\.1.*newer from 127\.0\.0\.1/);
    await until(
      async () => /older from .*newer from /.test((await getMachine(fleet.store.database, "m1"))?.notice ?? ""),
      () => "nobody is told of the two",
    );
    await older.waitForEnd();
    newer.say({ $case: "runReport", value: reportOf("r1") });
    await newer.waitFor("recorded");
    assert.equal((await getMachine(fleet.store.database, "m1"))?.instance, "newer");
  });

  it("is no second agent when the first was lost without a word", async () => {
    const fleet = await start("m1");
    const [lost, restarted] = [await fleet.agent("m1", "before"), await fleet.agent("m1", "after")];
    await lost.join();
    lost.way.freeze();
    await restarted.join();
    await until(
      () => fleet.fleet.sessions.all().every(({ instance }) => instance === "after"),
      () => "the lost one is still there",
    );
    restarted.say({ $case: "runReport", value: reportOf("r1") });
    await restarted.waitFor("recorded");
    assert.equal((await getMachine(fleet.store.database, "m1"))?.notice, "");
  });

  it("ends with a time for each to come back when the controller stops", async () => {
    const fleet = await start("m1", "m2");
    const agents = [await fleet.agent("m1"), await fleet.agent("m2")];
    for (const agent of agents) await agent.join();
    await fleet.fleet.close(new AbortController().signal);
    for (const agent of agents) {
      const goodbye = await agent.waitFor("goodbye");
      assert.equal(goodbye.reason, "stopping");
      assert.ok(goodbye.retryAfterMs <= 2000);
    }
    assert.equal((await getMachine(fleet.store.database, "m1"))?.controllerId, undefined);
  });
});
