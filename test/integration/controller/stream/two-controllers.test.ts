/** Several controllers on one PostgreSQL: a machine may be with any of them, and one that is killed loses and doubles nothing. */

import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { pino } from "pino";
import { systemClock } from "../../../../common/clock.ts";
import { addDispatches, listDispatches } from "../../../../controller/store/dispatches.ts";
import { addMachine, getMachine } from "../../../../controller/store/machines.ts";
import { listRuns } from "../../../../controller/store/runs.ts";
import { Store } from "../../../../controller/store/store.ts";
import { type Reply, Work } from "../../../../proto/gen/luksmith/v1/fleet.ts";
import { Verb } from "../../../../proto/gen/luksmith/v1/types.ts";
import { ControllerProcess } from "../harness/controller-process.ts";
import { DutifulAgent } from "../harness/dutiful-agent.ts";
import { newMachine, noteEvent } from "../harness/fleet-rows.ts";
import { PostgresServer } from "../harness/postgres-server.ts";
import { until } from "../harness/test-agent.ts";
import { TestFleet } from "../harness/test-fleet.ts";

const log = pino({ level: "silent" });
const work = Work.fromPartial({ verb: Verb.BACKUP, job: "home" });
const query = { id: "", operator: "ann", what: { $case: "snapshots" as const, value: { job: "home" } } };

describe("two controllers", () => {
  let server: PostgresServer;
  const closing: (() => unknown)[] = [];
  before(async () => {
    server = await PostgresServer.start();
  });
  after(() => server[Symbol.asyncDispose]());
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  const openStore = async (url: string) => {
    const store = await Store.open(url, systemClock, log);
    closing.push(() => store.close());
    return store;
  };
  const startBoth = async () => {
    const url = await server.database();
    const fleets: TestFleet[] = [];
    for (const id of ["c1", "c2"]) {
      const fleet = await TestFleet.start(await openStore(url), id);
      closing.push(() => fleet.close());
      fleets.push(fleet);
    }
    const [one, two] = fleets;
    if (one === undefined || two === undefined) throw new Error("there are two");
    return { one, two };
  };

  it("have each dispatch executed once, although one is killed in the middle of them", async () => {
    const url = await server.database();
    const store = await openStore(url);
    const controllers = [await ControllerProcess.start(url, "c1"), await ControllerProcess.start(url, "c2")];
    closing.push(() => Promise.all(controllers.map((controller) => controller.kill())));
    const machines = Array.from({ length: 20 }, (_, index) => `m${index}`);
    const agents: DutifulAgent[] = [];
    for (const [index, id] of machines.entries()) {
      await addMachine(store.database, newMachine(id));
      // half of them are with each; those of a dead one go to the other
      const to = () => controllers[index % 2 === 0 && controllers[0]?.isAlive ? 0 : 1]?.port ?? 0;
      const agent = await DutifulAgent.start(id, to);
      closing.push(() => agent.close());
      agents.push(agent);
    }
    await until(
      async () =>
        (await Promise.all(machines.map((id) => getMachine(store.database, id)))).every((m) => m?.controllerId),
      () => "they are not all connected",
    );
    const nowMs = Date.now();
    const wanted = machines.flatMap((machineId) =>
      Array.from({ length: 25 }, (_, index) => ({
        ...{ id: `d${index}x${machineId}`, batch: "b", machineId, work },
        ...{ createdMs: nowMs, createdBy: "ann", expiresMs: nowMs + 600_000 },
      })),
    );
    await addDispatches(store.database, wanted);
    store.notices.tell("dispatch", "b");
    await until(
      () => agents.some((agent) => agent.executed.size > 0),
      () => "nothing was sent",
    );
    await controllers[0]?.kill();
    await until(
      async () => (await listDispatches(store.database, { batch: "b", states: ["ended"] })).length === wanted.length,
      () => "not all were executed",
    );
    await until(
      () => agents.every((agent) => agent.isAllRecorded),
      () => "not all is recorded",
    );
    const executed = agents.flatMap((agent) => [...agent.executed.keys()]);
    assert.deepEqual(executed.sort(), wanted.map(({ id }) => id).sort());
    const runs = await listRuns(store.database, { limit: 10_000 });
    assert.equal(runs.length, wanted.length);
    assert.deepEqual(runs.map(({ dispatchId }) => dispatchId ?? "").sort(), wanted.map(({ id }) => id).sort());
    const events = await store.database.selectFrom("run_events").select("seq").execute();
    assert.equal(events.length, wanted.length * 3);
  });

  it("cut the older of two agents, wherever each of them is, and name both", async () => {
    const { one, two } = await startBoth();
    await one.machine("m1");
    const [older, newer] = [await one.agent("m1", "older"), await two.agent("m1", "newer")];
    await older.join();
    await newer.join();
    assert.equal((await older.waitFor("goodbye")).reason, "replaced");
    await until(
      async () => /older from .*newer from /.test((await getMachine(one.store.database, "m1"))?.notice ?? ""),
      () => "nobody is told of the two",
    );
    const machine = await getMachine(one.store.database, "m1");
    assert.deepEqual([machine?.controllerId, machine?.instance], ["c2", "newer"]);
  });

  it("ask a machine through the one that it is connected to", async () => {
    const { one, two } = await startBoth();
    await one.machine("m1");
    const agent = await two.agent("m1");
    await agent.join();
    const asked = collect(one.fleet.relay.ask("m1", query, new AbortController().signal));
    const { id, operator, what } = await agent.waitFor("query");
    assert.deepEqual([operator, what], ["ann", query.what]);
    const nothing = { events: [], snapshots: [], files: [], error: undefined };
    for (let seq = 1; seq <= 40; seq += 1) {
      agent.say({ $case: "reply", value: { id, ...nothing, events: [noteEvent(seq)], last: seq === 40 } });
    }
    assert.deepEqual(
      (await asked).flatMap(({ events }) => events.map(({ seq }) => seq)),
      Array.from({ length: 40 }, (_, index) => index + 1),
    );
    const failed = collect(one.fleet.relay.ask("m1", query, new AbortController().signal));
    const second = await agent.waitFor("query", 1);
    const error = { code: "denied", message: "not allowed here", hint: "" };
    agent.say({ $case: "reply", value: { ...nothing, id: second.id, last: true, error } });
    await assert.rejects(failed, { code: "denied", message: "not allowed here" });
  });

  it("end a query when nobody waits for it any more, and cancel a run, through one another", async () => {
    const { one, two } = await startBoth();
    await one.machine("m1");
    const agent = await two.agent("m1");
    await agent.join();
    const waiting = new AbortController();
    const asked = collect(one.fleet.relay.ask("m1", query, waiting.signal));
    const { id } = await agent.waitFor("query");
    waiting.abort();
    await assert.rejects(asked);
    assert.equal((await agent.waitFor("endQuery")).id, id);
    await one.fleet.relay.cancel("m1", { runId: "r1", dispatchId: "", operator: "ann" });
    assert.deepEqual(await agent.waitFor("cancelOrder"), { runId: "r1", dispatchId: "", operator: "ann" });
    const progress = {
      step: "copy",
      bytesDone: 5,
      bytesTotal: 9,
      filesDone: 0,
      filesTotal: 0,
      bytesPerSecond: 0,
      remainingMs: 0,
    };
    agent.say({ $case: "heartbeat", value: { time: new Date(), running: [{ runId: "r1", progress }] } });
    await until(
      async () => (await one.fleet.relay.progress())[0]?.running[0]?.progress?.bytesDone === 5,
      () => "its progress is not known",
    );
    const lost = collect(one.fleet.relay.ask("m1", query, new AbortController().signal));
    await agent.waitFor("query", 1);
    agent.way.cut();
    await assert.rejects(lost, { code: "lost" });
    await assert.rejects(one.fleet.relay.cancel("m9", { runId: "r1", dispatchId: "", operator: "" }), {
      code: "unreachable",
    });
  });
});

async function collect(replies: AsyncIterable<Reply>): Promise<Reply[]> {
  const all: Reply[] = [];
  for await (const reply of replies) all.push(reply);
  return all;
}
