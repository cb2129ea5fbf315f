/** The database is away for a while under load, and nothing is lost. */

import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { pino } from "pino";
import { systemClock } from "../../../../common/clock.ts";
import { listJobStates } from "../../../../controller/store/job-states.ts";
import { addMachine } from "../../../../controller/store/machines.ts";
import { listRuns } from "../../../../controller/store/runs.ts";
import { Store } from "../../../../controller/store/store.ts";
import { RunState } from "../../../../proto/gen/luksmith/v1/types.ts";
import { DutifulAgent } from "../harness/dutiful-agent.ts";
import { newMachine } from "../harness/fleet-rows.ts";
import { PostgresServer } from "../harness/postgres-server.ts";
import { until } from "../harness/test-agent.ts";
import { TestFleet } from "../harness/test-fleet.ts";

const eventsEach = 40;
const runsEach = 60;

describe("a database that dies under load", () => {
  let server: PostgresServer;
  const closing: (() => unknown)[] = [];
  before(async () => {
    server = await PostgresServer.start();
  });
  after(() => server[Symbol.asyncDispose]());
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  it("has all reports in the end, each once, and the streams are still there", async () => {
    const store = await Store.open(await server.database(), systemClock, pino({ level: "silent" }));
    closing.push(() => store.close());
    const fleet = await TestFleet.start(store);
    closing.push(() => fleet.close());
    const agents: DutifulAgent[] = [];
    for (let index = 0; index < 12; index += 1) {
      await addMachine(store.database, newMachine(`m${index}`));
      const agent = await DutifulAgent.start(`m${index}`, () => fleet.door.port, eventsEach);
      closing.push(() => agent.close());
      agents.push(agent);
    }
    await until(
      () => fleet.fleet.sessions.count === agents.length,
      () => "they are not all connected",
    );
    const sessions = new Set(fleet.fleet.sessions.all());
    let runs = 0;
    const reporting = setInterval(() => {
      if (runs === runsEach) return;
      for (const agent of agents) agent.ran(`r${runs}x${agent.machineId}`);
      runs += 1;
    }, 50);
    closing.push(() => clearInterval(reporting));
    await until(
      async () => (await listRuns(store.database, { limit: 100 })).length > 50,
      () => "nothing is stored",
    );
    await server.kill();
    const before = runs;
    assert.ok(before < runsEach, "it was to die in the middle");
    await until(
      () => runs === runsEach,
      () => "the agents have stopped",
    );
    assert.ok(!agents.every((agent) => agent.isAllRecorded), "nothing is told to be recorded that is not");
    await server.resume();
    await until(
      () => agents.every((agent) => agent.isAllRecorded),
      () => "not all is recorded",
    );
    const stored = await listRuns(store.database, { limit: 10_000 });
    assert.equal(stored.length, agents.length * runsEach);
    assert.ok(stored.every(({ state }) => state === RunState.DONE));
    const events = await store.database.selectFrom("run_events").select(["machine_id", "run_id", "seq"]).execute();
    assert.equal(events.length, agents.length * runsEach * eventsEach);
    // they waited, and were not cut off
    assert.ok(fleet.fleet.sessions.all().every((session) => sessions.has(session)));
    assert.deepEqual(await listJobStates(store.database), []);
  });
});
