import assert from "node:assert/strict";
import { it } from "node:test";
import { addDispatches, cancelDispatches, listDispatches } from "../../../../controller/store/dispatches.ts";
import { beginning, removeDispatches, removeEvents, removeRuns } from "../../../../controller/store/retention.ts";
import { addEvents } from "../../../../controller/store/run-events.ts";
import { recordRuns } from "../../../../controller/store/runs.ts";
import type { Database } from "../../../../controller/store/schema.ts";
import { type RunReport, Work } from "../../../../proto/gen/luksmith/v1/fleet.ts";
import { RunState } from "../../../../proto/gen/luksmith/v1/types.ts";
import { eachStore } from "../harness/each-store.ts";
import { encodedNote, reportOf } from "../harness/fleet-rows.ts";

async function withEvent(database: Database, machineId: string, reports: readonly RunReport[]): Promise<void> {
  await recordRuns(
    database,
    reports.map((report) => ({ machineId, report, lateMs: undefined })),
  );
  await addEvents(
    database,
    reports.map(({ run }) => ({ machineId, runId: run?.id ?? "", seq: 1, event: encodedNote(1) })),
  );
}

const done = (id: string, startedMs: number, change = {}) =>
  reportOf(id, { state: RunState.DONE, startedAt: new Date(startedMs), ...change });

async function idsIn(database: Database, table: "runs" | "run_events"): Promise<string[]> {
  const rows = await database.selectFrom(table).select("run_id").orderBy("run_id").execute();
  return rows.map(({ run_id }) => run_id);
}

eachStore("what is kept", (scene) => {
  it("is not the events of old runs, unless they are under way", async () => {
    const { database } = await scene.open();
    await withEvent(database, "m1", [
      done("old", 1000),
      done("new", 5000),
      reportOf("running", { startedAt: new Date(1) }),
    ]);
    assert.equal(await removeEvents(database, 5000, beginning), undefined);
    assert.deepEqual(await idsIn(database, "run_events"), ["new", "running"]);
    assert.equal((await idsIn(database, "runs")).length, 3);
  });

  it("is removed part by part, each run once", async () => {
    const { database } = await scene.open();
    const numbers = Array.from({ length: 230 }, (_, index) => index);
    await withEvent(
      database,
      "m1",
      // many begin at the same moment
      numbers.map((number) => done(`r${number}`, 1000 + Math.floor(number / 150), { state: RunState.FAILED })),
    );
    let place = await removeRuns(database, 5000, beginning);
    let parts = 1;
    while (place !== undefined) {
      place = await removeRuns(database, 5000, place);
      parts += 1;
    }
    assert.equal(parts, 3);
    assert.deepEqual(await idsIn(database, "runs"), []);
    assert.deepEqual(await idsIn(database, "run_events"), []);
  });

  it("is the newest good backup of each job, however old it is", async () => {
    const { database } = await scene.open();
    await withEvent(database, "m1", [
      done("a1", 1000),
      done("a2", 2000),
      done("a3", 3000, { state: RunState.FAILED }),
      done("b1", 1000, { job: "etc", state: RunState.INCOMPLETE }),
    ]);
    await withEvent(database, "m2", [done("c1", 1000), done("c2", 9000)]);
    await removeRuns(database, 5000, beginning);
    assert.deepEqual(await idsIn(database, "runs"), ["a2", "b1", "c2"]);
    assert.deepEqual(await idsIn(database, "run_events"), ["a2", "b1", "c2"]);
  });

  it("is no dispatch of which nothing becomes any more", async () => {
    const { database } = await scene.open();
    const dispatch = (id: string) => ({ id, batch: "b", machineId: "m1", work: Work.create(), createdBy: "ann" });
    await addDispatches(
      database,
      ["d1", "d2", "d3"].map((id) => ({ ...dispatch(id), createdMs: 1, expiresMs: 9000 })),
    );
    await cancelDispatches(database, ["d1"], "bob", 1000);
    await cancelDispatches(database, ["d2"], "bob", 3000);
    await removeDispatches(database, 2000);
    assert.deepEqual((await listDispatches(database, {})).map(({ id }) => id).sort(), ["d2", "d3"]);
  });
});
