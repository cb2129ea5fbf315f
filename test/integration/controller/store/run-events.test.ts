import assert from "node:assert/strict";
import { it } from "node:test";
import { addEvents, eventsAfter } from "../../../../controller/store/run-events.ts";
import { recordRuns } from "../../../../controller/store/runs.ts";
import type { Database } from "../../../../controller/store/schema.ts";
import { eachStore } from "../harness/each-store.ts";
import { encodedNote, noteEvent, reportOf } from "../harness/fleet-rows.ts";

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

function add(database: Database, machineId: string, runId: string, seqs: readonly number[]): Promise<unknown> {
  return addEvents(
    database,
    seqs.map((seq) => ({ machineId, runId, seq, event: encodedNote(seq) })),
  );
}

eachStore("the events of runs", (scene) => {
  it("are stored once, and read in their order", async () => {
    const { database } = await scene.open();
    for (const machineId of ["m1", "m2"])
      await recordRuns(database, [{ machineId, report: reportOf("r1"), lateMs: undefined }]);
    await add(database, "m1", "r1", range(1, 700));
    await add(database, "m1", "r1", range(600, 1000));
    await add(database, "m2", "r1", [1]);
    assert.deepEqual(
      await eventsAfter(database, "m1", "r1", 0, 5000),
      range(1, 1000).map((seq) => noteEvent(seq)),
    );
    assert.deepEqual(
      (await eventsAfter(database, "m1", "r1", 998, 1)).map(({ seq }) => seq),
      [999],
    );
    assert.equal((await eventsAfter(database, "m2", "r1", 0, 10)).length, 1);
  });

  it("are nobody's when their run is not known", async () => {
    const { database } = await scene.open();
    await recordRuns(database, [{ machineId: "m1", report: reportOf("r1"), lateMs: undefined }]);
    await add(database, "m2", "r1", [1]);
    await add(database, "m1", "r2", [1]);
    assert.deepEqual(await database.selectFrom("run_events").selectAll().execute(), []);
  });
});
