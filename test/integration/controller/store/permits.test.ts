import assert from "node:assert/strict";
import { it } from "node:test";
import { addMachine } from "../../../../controller/store/machines.ts";
import {
  askPermit,
  dropPermits,
  grantPermits,
  keepPermits,
  listPermits,
  type Permit,
  returnPermit,
  returnPermitOfRun,
} from "../../../../controller/store/permits.ts";
import type { Database } from "../../../../controller/store/schema.ts";
import type { Store } from "../../../../controller/store/store.ts";
import { eachStore } from "../harness/each-store.ts";
import { newMachine } from "../harness/fleet-rows.ts";

const heldMs = 4000;
const key = (machineId: string) => ({ schedule: "s", occurrenceMs: 100, machineId, job: "home", volume: "" });

function ask(database: Database, machineId: string, askedMs: number, expiresMs = 9000): Promise<void> {
  return askPermit(database, { ...key(machineId), backupHost: "h:22", askedMs, expiresMs }, heldMs);
}

/** As many as there are places. */
const upTo = (places: number) => (waiting: readonly Permit[], granted: readonly Permit[]) =>
  waiting.slice(0, Math.max(0, places - granted.length));

async function grant(store: Store, places: number, nowMs = 1000): Promise<string[]> {
  const granted = await store.transaction((transaction) => grantPermits(transaction, nowMs, upTo(places)));
  return granted.map(({ machineId }) => machineId);
}

eachStore("the permits", (scene) => {
  it("are given to those who have waited longest", async () => {
    const store = await scene.open();
    const { database } = store;
    await ask(database, "m2", 200);
    await ask(database, "m1", 100);
    await ask(database, "m3", 300);
    // asking again is no way back
    await ask(database, "m1", 900);
    assert.deepEqual(await grant(store, 2), ["m1", "m2"]);
    assert.deepEqual(await grant(store, 2), []);
    assert.equal(await returnPermit(database, key("m2")), true);
    assert.equal(await returnPermit(database, key("m2")), false);
    assert.equal(await returnPermitOfRun(database, { ...key("m1"), job: "etc", volume: "v" }), false);
    assert.deepEqual(await grant(store, 2), ["m3"]);
    assert.deepEqual(
      (await listPermits(database)).map(({ machineId, grantedMs }) => [machineId, grantedMs]),
      [
        ["m1", 1000],
        ["m3", 1000],
      ],
    );
  });

  it("are never more than there may be, however many give them", async () => {
    const store = await scene.open();
    for (let index = 0; index < 40; index += 1) await ask(store.database, `m${index}`, index);
    const given = (await Promise.all(Array.from({ length: 8 }, () => grant(store, 7)))).flat();
    assert.deepEqual(given.sort(), ["m0", "m1", "m2", "m3", "m4", "m5", "m6"]);
  });

  it("are lost by those of whom nobody hears", async () => {
    const store = await scene.open();
    const { database } = store;
    for (const id of ["m1", "m2", "m3"]) {
      await addMachine(database, newMachine(id));
      await ask(database, id, 1, 5000);
    }
    await database.updateTable("machines").set({ controller_id: "c1" }).where("id", "in", ["m1", "m3"]).execute();
    assert.equal((await grant(store, 2)).length, 2);
    await keepPermits(database, "c1", 8000, new Map([["s", 500]]));
    assert.deepEqual(await grant(store, 2, 5000), ["m3"]);
    // nobody has one for ever
    await keepPermits(
      database,
      "c1",
      20_000,
      new Map([
        ["s", 1000],
        ["t", 0],
      ]),
    );
    assert.deepEqual(await grant(store, 2, 8000), []);
    assert.deepEqual(
      (await listPermits(database)).map(({ machineId }) => machineId),
      ["m3"],
    );
  });

  it("are not kept by asking again, nor by a schedule that is gone", async () => {
    const store = await scene.open();
    const { database } = store;
    await addMachine(database, newMachine("m1"));
    await database.updateTable("machines").set({ controller_id: "c1" }).execute();
    await ask(database, "m1", 100, 5000);
    await grant(store, 1, 1000);
    const expires = async () => (await listPermits(database)).map(({ expiresMs }) => expiresMs);
    await ask(database, "m1", 1000 + heldMs - 1, 6000);
    assert.deepEqual(await expires(), [6000]);
    await ask(database, "m1", 1000 + heldMs, 7000);
    assert.deepEqual(await expires(), [6000]);
    await keepPermits(database, "c1", 8000, new Map());
    assert.deepEqual(await expires(), [6000]);
  });

  it("are one for each job, whatever volume is named beside it", async () => {
    const { database } = await scene.open();
    const asked = { backupHost: "h:22", askedMs: 1, expiresMs: 9000 };
    for (const volume of ["a", "b", "c"]) await askPermit(database, { ...key("m1"), ...asked, volume }, heldMs);
    for (const volume of ["a", "b"]) await askPermit(database, { ...key("m1"), ...asked, job: "", volume }, heldMs);
    const has = (await listPermits(database)).map(({ job, volume }) => `${job}/${volume}`).sort();
    assert.deepEqual(has, ["/a", "/b", "home/c"]);
  });

  it("end with the run that they were for", async () => {
    const { database } = await scene.open();
    await ask(database, "m1", 1);
    const run = { ...key("m1"), volume: "v" };
    assert.equal(await returnPermitOfRun(database, { ...run, occurrenceMs: 101 }), false);
    assert.equal(await returnPermitOfRun(database, run), true);
    assert.equal((await listPermits(database)).length, 0);
  });

  it("are dropped with the agent that had them", async () => {
    const { database } = await scene.open();
    await ask(database, "m1", 1);
    await ask(database, "m2", 1);
    assert.equal(await dropPermits(database, ["m1", "m9"]), true);
    assert.equal(await dropPermits(database, ["m1", "m9"]), false);
    assert.equal((await listPermits(database, "m1")).length, 0);
    assert.equal((await listPermits(database, "m2")).length, 1);
  });
});
