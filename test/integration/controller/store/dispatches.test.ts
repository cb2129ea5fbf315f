import assert from "node:assert/strict";
import { it } from "node:test";
import {
  addDispatches,
  answerDispatches,
  cancelDispatches,
  claimDispatches,
  countDispatches,
  expireDispatches,
  followDispatches,
  getDispatches,
  listCancelled,
  listDispatches,
  listSilent,
  type NewDispatch,
  takeUnanswered,
} from "../../../../controller/store/dispatches.ts";
import { addMachine } from "../../../../controller/store/machines.ts";
import type { Database } from "../../../../controller/store/schema.ts";
import type { Store } from "../../../../controller/store/store.ts";
import { Work } from "../../../../proto/gen/luksmith/v1/fleet.ts";
import { ErrorDetail, Verb } from "../../../../proto/gen/luksmith/v1/types.ts";
import { eachStore } from "../harness/each-store.ts";
import { newMachine } from "../harness/fleet-rows.ts";

const work = Work.fromPartial({ verb: Verb.BACKUP, job: "home" });

function dispatch(id: string, machineId: string, change: Partial<NewDispatch> = {}): NewDispatch {
  return { id, batch: "b", machineId, work, createdMs: 1000, createdBy: "ann", expiresMs: 9000, ...change };
}

async function machineAt(database: Database, id: string, controller: string, state: "active" | "pending" = "active") {
  await addMachine(database, newMachine(id, { state }));
  await database.updateTable("machines").set({ controller_id: controller }).where("id", "=", id).execute();
}

const claim = (store: Store, controller: string, limit = 100) =>
  store.transaction((transaction) => claimDispatches(transaction, controller, 2000, limit));

async function getDispatch(database: Database, id: string) {
  return (await getDispatches(database, [id]))[0];
}

const stateOf = async (database: Database, id: string) => (await getDispatch(database, id))?.state;

eachStore("the dispatches", (scene) => {
  it("are claimed for the machines that a controller has, oldest first", async () => {
    const store = await scene.open();
    const { database } = store;
    await machineAt(database, "m1", "c1");
    await machineAt(database, "m2", "c2");
    await machineAt(database, "m3", "c1", "pending");
    await addDispatches(database, [
      dispatch("d2", "m1", { createdMs: 1001 }),
      dispatch("d1", "m1"),
      dispatch("d3", "m2"),
      dispatch("d4", "m3"),
      dispatch("d5", "m1", { expiresMs: 2000 }),
    ]);
    const claimed = await claim(store, "c1");
    assert.deepEqual(
      claimed.map(({ id, state, work: wanted }) => [id, state, wanted.job]),
      [
        ["d1", "sent", "home"],
        ["d2", "sent", "home"],
      ],
    );
    assert.deepEqual(await claim(store, "c1"), []);
    assert.equal((await claim(store, "c2")).length, 1);
    assert.equal(await stateOf(database, "d4"), "queued");
  });

  it("are claimed by one only, however many want them", async () => {
    const store = await scene.open();
    await machineAt(store.database, "m1", "c1");
    const ids = Array.from({ length: 200 }, (_, index) => `d${index}`);
    await addDispatches(
      store.database,
      ids.map((id) => dispatch(id, "m1")),
    );
    const all: string[] = [];
    await Promise.all(
      Array.from({ length: 6 }, async () => {
        for (;;) {
          const claimed = await claim(store, "c1", 7);
          all.push(...claimed.map(({ id }) => id));
          if (claimed.length === 0 && (await countDispatches(store.database, ["queued"])) === 0) return;
        }
      }),
    );
    assert.deepEqual(all.sort(), ids.sort());
  });

  it("are sent again until they are answered", async () => {
    const { database } = await scene.open();
    await machineAt(database, "m1", "c1");
    await addDispatches(database, [
      dispatch("d2", "m1", { createdMs: 1001 }),
      dispatch("d1", "m1"),
      dispatch("d3", "m1"),
      dispatch("d4", "m2"),
    ]);
    await answerDispatches(database, [answer("m1", "d3", "r3")], 1500);
    assert.deepEqual(
      (await takeUnanswered(database, ["m1"], 2000)).map(({ id, state }) => [id, state]),
      [
        ["d1", "sent"],
        ["d2", "sent"],
      ],
    );
    assert.equal((await takeUnanswered(database, ["m1"], 3000)).length, 2);
    const both = await takeUnanswered(database, ["m1", "m2", "m9"], 3000);
    assert.deepEqual(both.map(({ id }) => id).sort(), ["d1", "d2", "d4"]);
    assert.deepEqual((await listSilent(database, "c1", 3001, 4000)).map(({ id }) => id).sort(), ["d1", "d2"]);
    assert.deepEqual(await listSilent(database, "c1", 3000, 4000), []);
    assert.deepEqual(await takeUnanswered(database, ["m1"], 9000), []);
  });

  it("take the first answer, of their own machine", async () => {
    const { database } = await scene.open();
    await addDispatches(database, [
      dispatch("d1", "m1"),
      dispatch("d2", "m1", { batch: "other" }),
      dispatch("d3", "m1"),
    ]);
    const error = ErrorDetail.create({ code: "denied", message: "not allowed" });
    assert.deepEqual(
      await answerDispatches(database, [answer("m2", "d1", "lie"), answer("m2", "d2", undefined)], 2000),
      [],
    );
    const batches = await answerDispatches(
      database,
      [answer("m1", "d1", "r1"), { ...answer("m1", "d2", undefined), error }],
      2000,
    );
    assert.deepEqual(batches.sort(), ["b", "other"]);
    assert.deepEqual(await answerDispatches(database, [answer("m1", "d1", undefined)], 2500), []);
    const [first, second] = [await getDispatch(database, "d1"), await getDispatch(database, "d2")];
    assert.deepEqual([first?.state, first?.runId, first?.changedMs], ["running", "r1", 2000]);
    assert.deepEqual([second?.state, second?.runId, second?.error], ["refused", undefined, error]);
    assert.equal(await stateOf(database, "d3"), "queued");
  });

  it("follow their run", async () => {
    const { database } = await scene.open();
    await addDispatches(database, [dispatch("d1", "m1"), dispatch("d2", "m1"), dispatch("d3", "m1")]);
    const follow = (dispatchId: string, isOver: boolean, machineId = "m1") =>
      followDispatches(database, [{ machineId, dispatchId, runId: `run-${dispatchId}`, isOver }], 3000);
    assert.deepEqual(await follow("d1", false, "m2"), []);
    assert.deepEqual(await follow("d1", false), ["b"]);
    assert.deepEqual(await answerDispatches(database, [answer("m1", "d1", "r")], 3100), []);
    assert.deepEqual(await stateOf(database, "d1"), "running");
    await follow("d1", true);
    await follow("d1", false);
    const ended = await getDispatch(database, "d1");
    assert.deepEqual([ended?.state, ended?.runId], ["ended", "run-d1"]);
    // it was begun in time, and the machine could not say so
    assert.deepEqual(await expireDispatches(database, 9000), ["b"]);
    assert.equal(await stateOf(database, "d2"), "expired");
    await follow("d2", false);
    assert.equal(await stateOf(database, "d2"), "running");
    await follow("d3", true);
    assert.equal(await stateOf(database, "d3"), "ended");
  });

  it("are cancelled while they are under way", async () => {
    const { database } = await scene.open();
    await addDispatches(database, [dispatch("d1", "m1"), dispatch("d2", "m1"), dispatch("d3", "m1")]);
    await answerDispatches(database, [answer("m1", "d2", "r2"), answer("m1", "d3", undefined)], 2000);
    const cancelled = await cancelDispatches(database, ["d1", "d2", "d3"], "bob", 3000);
    assert.deepEqual(cancelled.map(({ id, runId }) => [id, runId]).sort(), [
      ["d1", undefined],
      ["d2", "r2"],
    ]);
    const listed = await listCancelled(database, { machineIds: ["m1"] }, 3000);
    assert.deepEqual(listed.map(({ id, cancelledBy }) => [id, cancelledBy]).sort(), [
      ["d1", "bob"],
      ["d2", "bob"],
    ]);
    assert.deepEqual(await listCancelled(database, { machineIds: ["m1"] }, 3001), []);
    await machineAt(database, "m1", "c1");
    assert.equal((await listCancelled(database, { controllerId: "c1" }, 0)).length, 2);
    assert.deepEqual(await listCancelled(database, { controllerId: "c2" }, 0), []);
    assert.deepEqual(await takeUnanswered(database, ["m1"], 4000), []);
    await followDispatches(database, [{ machineId: "m1", dispatchId: "d2", runId: "r2", isOver: false }], 4000);
    assert.equal(await stateOf(database, "d2"), "cancelled");
    await followDispatches(database, [{ machineId: "m1", dispatchId: "d2", runId: "r2", isOver: true }], 4000);
    assert.equal(await stateOf(database, "d2"), "ended");
  });

  it("are listed by batch, machine and state, newest first", async () => {
    const { database } = await scene.open();
    await addDispatches(database, [
      dispatch("d1", "m1"),
      dispatch("d2", "m2", { createdMs: 2000 }),
      dispatch("d3", "m2", { createdMs: 3000, batch: "c" }),
    ]);
    await cancelDispatches(database, ["d3"], "bob", 4000);
    const ids = async (filter: object) => (await listDispatches(database, filter)).map(({ id }) => id);
    assert.deepEqual(await ids({}), ["d3", "d2", "d1"]);
    assert.deepEqual(await ids({ limit: 1 }), ["d3"]);
    assert.deepEqual(await ids({ batch: "b" }), ["d2", "d1"]);
    assert.deepEqual(await ids({ machineIds: ["m2"], states: ["queued"] }), ["d2"]);
    assert.deepEqual(await ids({ machineIds: [] }), []);
    assert.equal(await countDispatches(database, ["queued", "sent"]), 2);
  });
});

function answer(machineId: string, dispatchId: string, runId: string | undefined) {
  return { machineId, dispatchId, runId, error: undefined };
}
