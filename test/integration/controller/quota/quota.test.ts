/** A machine that reports more than is kept for one, over real streams. */

import assert from "node:assert/strict";
import { afterEach, it } from "node:test";
import { pino } from "pino";
import { systemClock } from "../../../../common/clock.ts";
import { getMachine } from "../../../../controller/store/machines.ts";
import { eventsAfter } from "../../../../controller/store/run-events.ts";
import { getRun } from "../../../../controller/store/runs.ts";
import type { Database } from "../../../../controller/store/schema.ts";
import { eventOverheadBytes, usageOf } from "../../../../controller/store/usage.ts";
import { Inventory } from "../../../../proto/gen/luksmith/v1/fleet.ts";
import { RunState, Verb } from "../../../../proto/gen/luksmith/v1/types.ts";
import { eachStore } from "../harness/each-store.ts";
import { noteEvent, reportOf } from "../harness/fleet-rows.ts";
import { type TestAgent, until } from "../harness/test-agent.ts";
import { TestFleet } from "../harness/test-fleet.ts";

const quota = { eventBytes: 200_000, runs: 40, againMs: 300 };
const inventory = Inventory.fromPartial({ jobs: [{ name: "home", volume: "v" }] });

/** What the tables have, looked through. */
async function kept(database: Database, machineId: string): Promise<{ eventBytes: number; runs: number }> {
  const events = await database.selectFrom("run_events").select("event").where("machine_id", "=", machineId).execute();
  const runs = await database.selectFrom("runs").select("run_id").where("machine_id", "=", machineId).execute();
  const eventBytes = events.reduce((sum, { event }) => sum + event.length + eventOverheadBytes, 0);
  return { eventBytes, runs: runs.length };
}

eachStore("a machine that reports more than is kept for one", (scene) => {
  const fleets: TestFleet[] = [];
  afterEach(async () => {
    for (const fleet of fleets.splice(0)) await fleet.close();
  });
  const start = async () => {
    const lines: string[] = [];
    const log = pino({ level: "warn" }, { write: (line: string) => void lines.push(line) });
    const fleet = await TestFleet.start(await scene.open(), "c1", systemClock, { quota, log });
    fleets.push(fleet);
    for (const id of ["good", "bad"]) await fleet.machine(id);
    const [good, bad] = [await fleet.agent("good"), await fleet.agent("bad")];
    await good.join({ inventory });
    await bad.join({ inventory });
    const about = () => lines.filter((line) => line.includes("more than is kept"));
    return { fleet, database: fleet.store.database, good, bad, about };
  };
  const run = async (agent: TestAgent, id: string, startedMs: number, events: number, change = {}) => {
    const startedAt = new Date(startedMs);
    agent.say({ $case: "runReport", value: reportOf(id, { startedAt, ...change }) });
    for (let from = 1; from <= events; from += 100) {
      const some = Array.from({ length: Math.min(100, events - from + 1) }, (_, index) => noteEvent(from + index));
      agent.say({ $case: "runEvents", value: { runId: id, events: some } });
    }
    agent.say({ $case: "runReport", value: reportOf(id, { startedAt, state: RunState.DONE, ...change }) });
    await until(
      () => agent.told("recorded").some(({ runId, ended }) => runId === id && ended),
      () => `${id} is not recorded`,
    );
  };

  it("loses its oldest events, and how its runs ended stays", async () => {
    const { fleet, database, good, bad, about } = await start();
    await run(good, "g1", 1000, 500);
    for (let number = 0; number < 12; number += 1) await run(bad, `b${number}`, 1000 + number, 400);
    await until(
      async () => (await kept(database, "bad")).eventBytes <= quota.eventBytes,
      () => "more is there than it may have",
    );
    await until(
      async () => (await getMachine(database, "bad"))?.notice !== "",
      () => "nobody is told",
    );
    assert.equal((await kept(database, "bad")).runs, 12);
    assert.deepEqual(await eventsAfter(database, "bad", "b0", 0, 1), []);
    assert.equal((await eventsAfter(database, "bad", "b11", 399, 1)).length, 1);
    assert.equal((await getRun(database, "bad", "b0"))?.state, RunState.DONE);
    assert.equal((await eventsAfter(database, "good", "g1", 0, 1000)).length, 500);
    assert.equal((await getMachine(database, "good"))?.notice, "");
    assert.equal(about().length, 1);
    // what is counted is what is there
    for (const id of ["good", "bad"]) {
      const { eventBytes, runs } = await usageOf(database, id);
      assert.deepEqual({ eventBytes, runs }, await kept(database, id));
    }
    assert.equal(fleet.fleet.sessions.count, 2);
  });

  it("loses also the beginning of a run that is under way", async () => {
    const { database, bad } = await start();
    bad.say({ $case: "runReport", value: reportOf("r1") });
    for (let from = 1; from <= 4000; from += 100) {
      const events = Array.from({ length: 100 }, (_, index) => noteEvent(from + index));
      bad.say({ $case: "runEvents", value: { runId: "r1", events } });
    }
    await until(
      async () => (await eventsAfter(database, "bad", "r1", 3999, 1)).length === 1,
      () => "its last events are not there",
    );
    await until(
      async () => (await kept(database, "bad")).eventBytes <= quota.eventBytes,
      () => "more is there than it may have",
    );
    assert.ok(((await eventsAfter(database, "bad", "r1", 0, 1))[0]?.seq ?? 0) > 1);
    // and goes on
    bad.say({ $case: "runEvents", value: { runId: "r1", events: [noteEvent(4001)] } });
    await until(
      async () => (await eventsAfter(database, "bad", "r1", 4000, 1)).length === 1,
      () => "what comes afterwards is lost",
    );
  });

  it("loses its oldest runs, and none by which somebody is told", async () => {
    const { database, bad, about } = await start();
    await run(bad, "prune", 10, 1, { verb: Verb.PRUNE, state: RunState.FAILED });
    await run(bad, "good", 20, 1);
    for (let number = 0; number < 60; number += 1) {
      await run(bad, `b${number}`, 1000 + number, 2, { state: RunState.FAILED });
    }
    await until(
      async () => (await kept(database, "bad")).runs <= quota.runs,
      () => "it has more runs than it may have",
    );
    for (const id of ["prune", "good", "b59"]) assert.ok(await getRun(database, "bad", id), id);
    assert.equal(await getRun(database, "bad", "b0"), undefined);
    assert.deepEqual(await eventsAfter(database, "bad", "b0", 0, 1), []);
    assert.equal(about().length, 1);
    const { eventBytes, runs } = await usageOf(database, "bad");
    assert.deepEqual({ eventBytes, runs }, await kept(database, "bad"));
  });

  it("is counted once for what it sends twice", async () => {
    const { database, bad } = await start();
    for (let times = 0; times < 3; times += 1) await run(bad, "r1", 1000, 300);
    const { eventBytes, runs } = await usageOf(database, "bad");
    assert.deepEqual({ eventBytes, runs }, await kept(database, "bad"));
    assert.equal(runs, 1);
  });
});
