/** What an operator wants now, from the table to the machine and back. */

import assert from "node:assert/strict";
import { afterEach, it } from "node:test";
import {
  addDispatches,
  getDispatches,
  type NewDispatch,
  type StoredDispatch,
} from "../../../../controller/store/dispatches.ts";
import { changeMachine } from "../../../../controller/store/machines.ts";
import { getRun } from "../../../../controller/store/runs.ts";
import type { Store } from "../../../../controller/store/store.ts";
import { Work } from "../../../../proto/gen/luksmith/v1/fleet.ts";
import { ErrorDetail, RunState, Verb } from "../../../../proto/gen/luksmith/v1/types.ts";
import { eachStore } from "../harness/each-store.ts";
import { reportOf } from "../harness/fleet-rows.ts";
import { until } from "../harness/test-agent.ts";
import { TestFleet } from "../harness/test-fleet.ts";

const work = Work.fromPartial({ verb: Verb.BACKUP, job: "home", deadlineMs: 5000 });

async function want(store: Store, id: string, machineId: string, change: Partial<NewDispatch> = {}): Promise<void> {
  const nowMs = Date.now();
  const dispatch = { id, batch: "b", machineId, work, createdMs: nowMs, createdBy: "ann", expiresMs: nowMs + 60_000 };
  await addDispatches(store.database, [{ ...dispatch, ...change }]);
  store.notices.tell("dispatch", "b");
}

async function stateOf(store: Store, id: string): Promise<StoredDispatch["state"] | undefined> {
  return (await getDispatches(store.database, [id]))[0]?.state;
}

function untilState(store: Store, id: string, state: StoredDispatch["state"]): Promise<void> {
  return until(
    async () => (await stateOf(store, id)) === state,
    () => `${id} did not become ${state}`,
  );
}

eachStore("a dispatch", (scene) => {
  const fleets: TestFleet[] = [];
  afterEach(async () => {
    for (const fleet of fleets.splice(0)) await fleet.close();
  });
  const start = async (state: "active" | "pending" = "active") => {
    const fleet = await TestFleet.start(await scene.open());
    fleets.push(fleet);
    await fleet.machine("m1", { state });
    return { fleet, store: fleet.store, agent: await fleet.agent("m1") };
  };

  it("reaches a machine that is there, and is followed to the end of its run", async () => {
    const { store, agent } = await start();
    await agent.join();
    await want(store, "d1", "m1");
    const dispatch = await agent.waitFor("dispatch");
    assert.deepEqual([dispatch.id, dispatch.operator, dispatch.work], ["d1", "ann", work]);
    assert.ok((dispatch.notAfter?.getTime() ?? 0) > Date.now());
    await untilState(store, "d1", "sent");
    agent.say({ $case: "dispatchAnswer", value: { id: "d1", runId: "r1", error: undefined } });
    assert.equal((await agent.waitFor("recorded")).runId, "d1");
    assert.equal(await stateOf(store, "d1"), "running");
    agent.say({ $case: "runReport", value: reportOf("r1", {}, { dispatchId: "d1" }) });
    await agent.waitFor("recorded", 1);
    assert.equal((await getRun(store.database, "m1", "r1"))?.lateMs, 1_005_000);
    agent.say({ $case: "runReport", value: reportOf("r1", { state: RunState.DONE }, { dispatchId: "d1" }) });
    await agent.waitFor("recorded", 2);
    assert.equal(await stateOf(store, "d1"), "ended");
  });

  it("is with a machine that is there as soon as it is written down; for one that is not, or not here, it is queued", async () => {
    const { fleet, store, agent } = await start();
    await fleet.machine("away");
    await agent.join();
    // nobody looks for what is queued any more
    await fleet.fleet.dispatcher.close();
    const nowMs = Date.now();
    const rest = { batch: "b", work, createdMs: nowMs, createdBy: "ann", expiresMs: nowMs + 60_000 };
    await fleet.fleet.dispatcher.add([
      { id: "d1", machineId: "m1", ...rest },
      { id: "d2", machineId: "away", ...rest },
    ]);
    assert.deepEqual([await stateOf(store, "d1"), await stateOf(store, "d2")], ["sent", "queued"]);
    const { id, operator, work: asked } = await agent.waitFor("dispatch");
    assert.deepEqual([id, operator, asked], ["d1", "ann", work]);
    // the answer is lost with the connection: it comes again
    agent.leave();
    const again = await fleet.agent("m1");
    await again.join();
    assert.equal((await again.waitFor("dispatch")).id, "d1");
  });

  it("is to be begun in time by the clock of its machine, however wrong that is", async () => {
    const { store, agent } = await start();
    const hourMs = 3_600_000;
    await agent.join({ time: new Date(Date.now() + hourMs) });
    await want(store, "d1", "m1");
    const { notAfter } = await agent.waitFor("dispatch");
    const leftMs = (notAfter?.getTime() ?? 0) - (Date.now() + hourMs);
    assert.ok(leftMs > 0 && leftMs < 2 * 60_000, `${leftMs}`);
    // the furthest moment that a message can have
    agent.say({ $case: "heartbeat", value: { time: new Date(8.64e15), running: [] } });
    agent.say({ $case: "dispatchAnswer", value: { id: "d1", runId: "r1", error: undefined } });
    await untilState(store, "d1", "running");
    await want(store, "d2", "m1");
    assert.ok((await agent.waitFor("dispatch", 1)).notAfter);
  });

  it("waits for its machine, and comes again with each connection until it is answered", async () => {
    const { store, agent } = await start();
    await want(store, "d1", "m1");
    await agent.join();
    assert.equal((await agent.waitFor("dispatch")).id, "d1");
    agent.leave();
    await agent.waitForEnd();
    await agent.join();
    assert.equal((await agent.waitFor("dispatch", 1)).id, "d1");
    const error = ErrorDetail.create({ code: "denied", message: "not here" });
    agent.say({ $case: "dispatchAnswer", value: { id: "d1", runId: "", error } });
    await agent.waitFor("recorded");
    const [refused] = await getDispatches(store.database, ["d1"]);
    assert.deepEqual([refused?.state, refused?.error], ["refused", error]);
    agent.leave();
    await agent.waitForEnd();
    await agent.join();
    agent.say({ $case: "runReport", value: reportOf("r1") });
    await agent.waitFor("recorded", 1);
    assert.equal(agent.told("dispatch").length, 2);
  });

  it("is nothing for a machine that nobody has confirmed, until somebody does", async () => {
    const { store, agent } = await start("pending");
    await want(store, "d1", "m1");
    await agent.join();
    agent.say({ $case: "runReport", value: reportOf("r1") });
    await agent.waitFor("recorded");
    assert.deepEqual(agent.told("dispatch"), []);
    await changeMachine(store.database, "m1", { state: "active" });
    store.notices.tell("machine", "m1");
    await agent.waitForEnd();
    await agent.join();
    assert.equal((await agent.waitFor("dispatch")).id, "d1");
  });

  it("expires when its machine does not come", async () => {
    const { store } = await start();
    await want(store, "d1", "m1", { expiresMs: Date.now() + 10 });
    await untilState(store, "d1", "expired");
  });

  it("is cancelled before it is sent, and then is not", async () => {
    const { fleet, store, agent } = await start();
    await want(store, "d1", "m1");
    const [cancelled] = await fleet.fleet.dispatcher.cancel(["d1"], "bob");
    assert.deepEqual([cancelled?.state, cancelled?.cancelledBy], ["cancelled", "bob"]);
    await agent.join();
    assert.equal((await agent.waitFor("cancelOrder")).dispatchId, "d1");
    assert.deepEqual(agent.told("dispatch"), []);
  });

  it("is cancelled while it runs: at once, and again when the machine comes back", async () => {
    const { fleet, store, agent } = await start();
    await agent.join();
    await want(store, "d1", "m1");
    await agent.waitFor("dispatch");
    agent.say({ $case: "runReport", value: reportOf("r1", {}, { dispatchId: "d1" }) });
    await agent.waitFor("recorded");
    await fleet.fleet.dispatcher.cancel(["d1"], "bob");
    const order = await agent.waitFor("cancelOrder");
    assert.deepEqual(order, { dispatchId: "d1", runId: "r1", operator: "bob" });
    agent.leave();
    await agent.waitForEnd();
    await agent.join();
    assert.deepEqual(await agent.waitFor("cancelOrder", 1), order);
    agent.say({ $case: "runReport", value: reportOf("r1", { state: RunState.CANCELLED }, { dispatchId: "d1" }) });
    await agent.waitFor("recorded", 1);
    assert.equal(await stateOf(store, "d1"), "ended");
  });

  it("that was cancelled on its way is cancelled once its run is known", async () => {
    const { fleet, store, agent } = await start();
    await agent.join();
    await want(store, "d1", "m1");
    await agent.waitFor("dispatch");
    await fleet.fleet.dispatcher.cancel(["d1"], "bob");
    await agent.waitFor("cancelOrder");
    agent.say({ $case: "dispatchAnswer", value: { id: "d1", runId: "r1", error: undefined } });
    assert.deepEqual(await agent.waitFor("cancelOrder", 1), { dispatchId: "d1", runId: "r1", operator: "bob" });
  });

  it("of another machine is nobody's to answer", async () => {
    const { fleet, store, agent } = await start();
    await fleet.machine("m2");
    await want(store, "d1", "m2");
    await agent.join();
    agent.say({ $case: "dispatchAnswer", value: { id: "d1", runId: "r1", error: undefined } });
    agent.say({ $case: "runReport", value: reportOf("r1", { state: RunState.DONE }, { dispatchId: "d1" }) });
    await agent.waitFor("recorded", 1);
    assert.equal(await stateOf(store, "d1"), "queued");
  });
});
