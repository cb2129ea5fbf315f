import assert from "node:assert/strict";
import { it } from "node:test";
import {
  addMachine,
  beginStreams,
  changeMachine,
  countMachines,
  endStream,
  endStreamsOf,
  findMachines,
  forgetMachine,
  getMachine,
  listMachineHeads,
  listMachines,
  machinesNow,
  type StreamBegin,
  seeMachines,
  setInventory,
  setSchedulesRevision,
  setTrust,
} from "../../../../controller/store/machines.ts";
import { recordRuns } from "../../../../controller/store/runs.ts";
import type { Store } from "../../../../controller/store/store.ts";
import { isTaken } from "../../../../controller/store/store-error.ts";
import { Inventory, Trust } from "../../../../proto/gen/luksmith/v1/fleet.ts";
import { eachStore } from "../harness/each-store.ts";
import { newMachine, reportOf } from "../harness/fleet-rows.ts";

const inventory = Inventory.fromPartial({ jobs: [{ name: "home", volume: "v" }], allowed: ["backup"] });

function beginning(machineId: string, controllerId: string, instance: string, nowMs = 1000): StreamBegin {
  const facts = { address: "192.0.2.1:5", version: "2", hostname: "new-host", schedulesRevision: "r1", clockSkewMs: 7 };
  return { machineId, controllerId, instance, nowMs, inventory, trust: Trust.create(), ...facts };
}

async function begin(store: Store, ...of: Parameters<typeof beginning>) {
  const begun = await store.transaction((transaction) => beginStreams(transaction, [beginning(...of)]));
  return begun.get(of[0]);
}

eachStore("the machines", (scene) => {
  it("are found by id, by name, by host name, in this order", async () => {
    const { database } = await scene.open();
    await addMachine(database, newMachine("m1", { name: "web", hostname: "host", labels: { env: "prod" } }));
    await addMachine(database, newMachine("m2", { name: "host", hostname: "m1" }));
    await addMachine(database, newMachine("m3", { name: undefined, hostname: "host", state: "pending" }));
    const ids = async (text: string) => (await findMachines(database, text)).map(({ id }) => id);
    assert.deepEqual(await ids("m1"), ["m1"]);
    assert.deepEqual(await ids("host"), ["m2"]);
    assert.deepEqual(await ids("web"), ["m1"]);
    assert.deepEqual(await ids("nobody"), []);
    await changeMachine(database, "m2", { name: "other" });
    assert.deepEqual(await ids("host"), ["m1", "m3"]);
    assert.deepEqual((await getMachine(database, "m1"))?.labels, { env: "prod" });
    assert.equal(await getMachine(database, "m4"), undefined);
    assert.deepEqual(
      (await listMachines(database)).map(({ name }) => name),
      ["other", "web", undefined],
    );
    assert.deepEqual(await countMachines(database), { machines: 3, connected: 0, pending: 1 });
  });

  it("have names of their own", async () => {
    const { database } = await scene.open();
    await addMachine(database, newMachine("m1", { name: "web" }));
    await assert.rejects(addMachine(database, newMachine("m2", { name: "web" })), isTaken);
    await addMachine(database, newMachine("m2"));
    await assert.rejects(changeMachine(database, "m2", { name: "web" }), isTaken);
    assert.equal(await changeMachine(database, "m9", { name: "w" }), false);
  });

  it("change what is told to change", async () => {
    const { database } = await scene.open();
    await addMachine(database, newMachine("m1"));
    assert.equal(await changeMachine(database, "m1", { state: "revoked", labels: { a: "b" }, notice: "n" }), true);
    const machine = await getMachine(database, "m1");
    assert.deepEqual(
      [machine?.name, machine?.state, machine?.labels, machine?.notice],
      ["name-m1", "revoked", { a: "b" }, "n"],
    );
  });

  it("have one stream, the newest", async () => {
    const store = await scene.open();
    const { database } = store;
    await addMachine(database, newMachine("m1"));
    const first = await begin(store, "m1", "c1", "i1");
    assert.deepEqual([first?.stream, first?.before, first?.isAnew], [1, undefined, true]);
    const second = await begin(store, "m1", "c2", "i2", 2000);
    assert.deepEqual(
      [second?.stream, second?.before, second?.isAnew],
      [2, { controllerId: "c1", instance: "i1" }, true],
    );
    // the older one ends later
    await endStream(database, "m1", 1);
    const now = (await machinesNow(database, ["m1", "m7"])).get("m1");
    assert.deepEqual([now?.stream, now?.instance, now?.address], [2, "i2", "192.0.2.1:5"]);
    await endStreamsOf(database, "c1");
    const machine = await getMachine(database, "m1");
    assert.deepEqual(
      [machine?.controllerId, machine?.instance, machine?.address, machine?.hostname, machine?.version],
      ["c2", "i2", "192.0.2.1:5", "new-host", "2"],
    );
    assert.deepEqual([machine?.lastSeenMs, machine?.clockSkewMs, machine?.schedulesRevision], [2000, 7, "r1"]);
    assert.deepEqual(machine?.inventory, inventory);
    assert.equal((await begin(store, "m1", "c2", "i2"))?.isAnew, false);
    await endStream(database, "m1", 3);
    assert.equal((await getMachine(database, "m1"))?.controllerId, undefined);
    assert.equal((await begin(store, "m1", "c2", "i2"))?.before, undefined);
  });

  it("begin streams many at once, each with what is its own", async () => {
    const store = await scene.open();
    const { database } = store;
    for (const id of ["m1", "m2"]) await addMachine(database, newMachine(id));
    await addMachine(database, newMachine("m3", { state: "revoked" }));
    await begin(store, "m1", "c2", "i1");
    await changeMachine(database, "m1", { notice: "stays while another one is there" });
    await changeMachine(database, "m2", { notice: "goes" });
    const begins = ["m1", "m2", "m3", "m4"].map((id, at) => ({
      ...beginning(id, "c1", `i${at + 1}`, 3000 + at),
      inventory: Inventory.fromPartial({ allowed: [id] }),
    }));
    const begun = await store.transaction((transaction) => beginStreams(transaction, begins));
    assert.deepEqual(
      [...begun].map(([id, { stream, before, isAnew, machine }]) => [id, stream, before, isAnew, machine.id]).sort(),
      [
        ["m1", 2, { controllerId: "c2", instance: "i1" }, false, "m1"],
        ["m2", 1, undefined, true, "m2"],
      ],
    );
    const found = await Promise.all(["m1", "m2", "m3"].map((id) => getMachine(database, id)));
    assert.deepEqual(
      found.map((each) => [
        each?.controllerId,
        each?.instance,
        each?.lastSeenMs,
        each?.notice,
        each?.inventory.allowed,
      ]),
      [
        ["c1", "i1", 3000, "stays while another one is there", ["m1"]],
        ["c1", "i2", 3001, "", ["m2"]],
        [undefined, "", undefined, "", []],
      ],
    );
    assert.equal((await store.transaction((transaction) => beginStreams(transaction, []))).size, 0);
  });

  it("get no stream when they are revoked, or not known", async () => {
    const store = await scene.open();
    await addMachine(store.database, newMachine("m1", { state: "revoked" }));
    assert.equal(await begin(store, "m1", "c1", "i1"), undefined);
    assert.equal(await begin(store, "m2", "c1", "i1"), undefined);
  });

  it("lose a notice once they come without another of theirs", async () => {
    const store = await scene.open();
    await addMachine(store.database, newMachine("m1"));
    await begin(store, "m1", "c1", "i1");
    await begin(store, "m1", "c1", "i2");
    await changeMachine(store.database, "m1", { notice: "two of them" });
    await begin(store, "m1", "c1", "i1");
    assert.equal((await getMachine(store.database, "m1"))?.notice, "two of them");
    await endStream(store.database, "m1", 3);
    await begin(store, "m1", "c1", "i1");
    assert.equal((await getMachine(store.database, "m1"))?.notice, "");
  });

  it("are seen, thousands at once", async () => {
    const { database } = await scene.open();
    const ids = Array.from({ length: 3000 }, (_, index) => `m${index}`);
    for (const id of ids.slice(0, 3)) await addMachine(database, newMachine(id));
    await seeMachines(
      database,
      ids.map((machineId, index) => ({ machineId, seenMs: 1_764_340_000_000 + index, clockSkewMs: -index })),
    );
    const machine = await getMachine(database, "m2");
    assert.deepEqual([machine?.lastSeenMs, machine?.clockSkewMs], [1_764_340_000_002, -2]);
  });

  it("keep what they have said", async () => {
    const store = await scene.open();
    const { database } = store;
    await addMachine(database, newMachine("m1", { labels: { a: "1" } }));
    await addMachine(database, newMachine("m2"));
    await begin(store, "m1", "c1", "i1");
    await setInventory(database, "m1", Inventory.create());
    await setTrust(database, "m1", Trust.fromPartial({ issuer: "f" }));
    await setSchedulesRevision(database, "m1", "r9");
    const machine = await getMachine(database, "m1");
    assert.deepEqual([machine?.inventory.jobs, machine?.trust.issuer, machine?.schedulesRevision], [[], "f", "r9"]);
    assert.deepEqual(
      (await listMachineHeads(database, "c1")).map(({ id, labels }) => [id, labels]),
      [["m1", { a: "1" }]],
    );
    assert.equal((await listMachineHeads(database)).length, 2);
  });

  it("are forgotten with their runs", async () => {
    const store = await scene.open();
    const { database } = store;
    await addMachine(database, newMachine("m1"));
    await recordRuns(database, [{ machineId: "m1", report: reportOf("r1"), lateMs: undefined }]);
    await store.transaction((transaction) => forgetMachine(transaction, "m1"));
    assert.equal(await getMachine(database, "m1"), undefined);
    assert.deepEqual(await database.selectFrom("runs").selectAll().execute(), []);
  });
});
