import assert from "node:assert/strict";
import { it } from "node:test";
import type { Kysely } from "kysely";
import { pino } from "pino";
import { systemClock } from "../../../../common/clock.ts";
import { countUsage } from "../../../../controller/store/quota.ts";
import { beginning, removeEvents, removeRuns } from "../../../../controller/store/retention.ts";
import { addEvents } from "../../../../controller/store/run-events.ts";
import { recordRuns } from "../../../../controller/store/runs.ts";
import type { Database } from "../../../../controller/store/schema.ts";
import { Store } from "../../../../controller/store/store.ts";
import { addUsage, eventOverheadBytes, usageOf } from "../../../../controller/store/usage.ts";
import { RunState } from "../../../../proto/gen/luksmith/v1/types.ts";
import { eachStore } from "../harness/each-store.ts";
import { encodedNote, reportOf } from "../harness/fleet-rows.ts";

const each = encodedNote(1).length + eventOverheadBytes;

async function write(database: Database, machineId: string, runId: string, startedMs: number, seqs: number[]) {
  const report = reportOf(runId, { state: RunState.FAILED, startedAt: new Date(startedMs) });
  return addUsage(database, [
    ...(await recordRuns(database, [{ machineId, report, lateMs: undefined }])),
    ...(await addEvents(
      database,
      seqs.map((seq) => ({ machineId, runId, seq, event: encodedNote(1) })),
    )),
  ]);
}

const usage = async (database: Database, machineId: string) => {
  const { eventBytes, runs } = await usageOf(database, machineId);
  return [eventBytes / each, runs];
};

eachStore("what is counted of a machine", (scene) => {
  it("is what is there, whoever writes and removes it", async () => {
    const { database } = await scene.open();
    await write(database, "m1", "r1", 1000, [1, 2, 3]);
    assert.deepEqual(await write(database, "m1", "r2", 2000, [1]), [
      { machineId: "m1", eventBytes: 4 * each, runs: 2 },
    ]);
    // what is there already, and what comes behind what came after it
    assert.deepEqual(await write(database, "m1", "r1", 1000, [2, 3, 4, 4, 1]), [
      { machineId: "m1", eventBytes: 5 * each, runs: 2 },
    ]);
    await write(database, "m2", "r1", 1000, [1, 2]);
    await removeEvents(database, 1500, beginning);
    assert.deepEqual(await usage(database, "m1"), [1, 2]);
    assert.deepEqual(await usage(database, "m2"), [0, 1]);
    await removeRuns(database, 2500, beginning);
    assert.deepEqual(await usage(database, "m1"), [0, 0]);
    assert.deepEqual(await usage(database, "m3"), [0, 0]);
  });

  it("can be looked through again", async () => {
    const { database } = await scene.open();
    await write(database, "m1", "r1", 1000, [1, 2, 3]);
    await database.deleteFrom("run_events").where("seq", "=", 2).execute();
    await countUsage(database, "m1");
    assert.deepEqual(await usage(database, "m1"), [2, 1]);
    await database.deleteFrom("run_events").execute();
    await countUsage(database, "m1");
    assert.deepEqual(await usage(database, "m1"), [0, 1]);
  });

  it("is looked through once in a store of before", async () => {
    const place = await scene.place();
    const log = pino({ level: "silent" });
    const before = await Store.open(place, systemClock, log);
    await write(before.database, "m1", "r1", 1000, [1, 2, 3]);
    await write(before.database, "m2", "r1", 1000, []);
    await before.database.schema.dropTable("usage").execute();
    await before.database.schema.dropIndex("runs_of_kind").execute();
    const migrations = before.database as unknown as Kysely<{ kysely_migration: { name: string } }>;
    await migrations.deleteFrom("kysely_migration").where("name", ">=", "0003").execute();
    await before.close();
    const now = await Store.open(place, systemClock, log);
    assert.deepEqual(await usage(now.database, "m1"), [3, 1]);
    assert.deepEqual(await usage(now.database, "m2"), [0, 1]);
    await now.close();
  });
});
