import assert from "node:assert/strict";
import { it } from "node:test";
import {
  countRunning,
  findRuns,
  getRun,
  getRuns,
  isLate,
  listLateRuns,
  listRuns,
  recordRuns,
} from "../../../../controller/store/runs.ts";
import type { Database } from "../../../../controller/store/schema.ts";
import type { RunReport } from "../../../../proto/gen/luksmith/v1/fleet.ts";
import { RunState, Verb } from "../../../../proto/gen/luksmith/v1/types.ts";
import { eachStore } from "../harness/each-store.ts";
import { reportOf } from "../harness/fleet-rows.ts";

function record(database: Database, machineId: string, ...reports: RunReport[]): Promise<unknown> {
  return recordRuns(
    database,
    reports.map((report) => ({ machineId, report, lateMs: undefined })),
  );
}

eachStore("the runs", (scene) => {
  it("count once, however often they are reported", async () => {
    const { database } = await scene.open();
    const report = reportOf("r1", {}, { schedule: "nightly", occurrence: new Date(5000), dispatchId: "d" });
    await record(database, "m1", report);
    await record(database, "m1", report, report);
    await record(database, "m2", report);
    const run = await getRun(database, "m1", "r1");
    assert.deepEqual(run?.report, report);
    assert.deepEqual(
      [run?.verb, run?.job, run?.volume, run?.schedule, run?.occurrenceMs, run?.dispatchId],
      [Verb.BACKUP, "home", "v", "nightly", 5000, "d"],
    );
    assert.equal((await listRuns(database, { limit: 10 })).length, 2);
    assert.equal(await countRunning(database), 2);
  });

  it("never run again once they have ended", async () => {
    const { database } = await scene.open();
    const [running, done] = [reportOf("r1"), reportOf("r1", { state: RunState.DONE, summary: "first" })];
    const state = async () => (await getRun(database, "m1", "r1"))?.report.run?.summary;
    await record(database, "m1", running);
    await record(database, "m1", done);
    await record(database, "m1", running);
    assert.equal(await state(), "first");
    await record(database, "m1", reportOf("r1", { state: RunState.FAILED, summary: "second" }));
    assert.equal(await state(), "second");
    // in one go, and in the wrong order
    await record(database, "m2", done, running);
    assert.equal((await getRun(database, "m2", "r1"))?.state, RunState.DONE);
    assert.equal(await countRunning(database), 0);
  });

  it("are listed by what is asked for, newest first", async () => {
    const { database } = await scene.open();
    const at = (startedMs: number, change = {}) => ({ startedAt: new Date(startedMs), ...change });
    await record(database, "m1", reportOf("a1", at(1000)), reportOf("a2", at(3000, { job: "etc" })));
    await record(database, "m2", reportOf("b1", at(2000, { state: RunState.FAILED }), { schedule: "nightly" }));
    await record(database, "m2", reportOf("b2", at(4000, { verb: Verb.PRUNE, state: RunState.DONE })));
    const ids = async (filter: object) =>
      (await listRuns(database, { limit: 10, ...filter })).map(({ runId }) => runId);
    assert.deepEqual(await ids({}), ["b2", "a2", "b1", "a1"]);
    assert.deepEqual(await ids({ limit: 2 }), ["b2", "a2"]);
    assert.deepEqual(await ids({ machineIds: ["m1"] }), ["a2", "a1"]);
    assert.deepEqual(await ids({ machineIds: [] }), []);
    assert.deepEqual(await ids({ job: "etc" }), ["a2"]);
    assert.deepEqual(await ids({ schedule: "nightly" }), ["b1"]);
    assert.deepEqual(await ids({ verb: Verb.PRUNE }), ["b2"]);
    assert.deepEqual(await ids({ states: [RunState.FAILED, RunState.DONE] }), ["b2", "b1"]);
    assert.deepEqual(await ids({ states: [] }), ["b2", "a2", "b1", "a1"]);
    assert.deepEqual(await ids({ sinceMs: 3000 }), ["b2", "a2"]);
  });

  it("are found by the beginning of their id", async () => {
    const { database } = await scene.open();
    await record(database, "m1", reportOf("ab1"), reportOf("ab2"), reportOf("cd"));
    await record(database, "m2", reportOf("ab1"));
    const found = async (prefix: string, machines?: string[]) =>
      (await findRuns(database, prefix, machines, 10)).map(({ machineId, runId }) => `${machineId}/${runId}`).sort();
    assert.deepEqual(await found("ab"), ["m1/ab1", "m1/ab2", "m2/ab1"]);
    assert.deepEqual(await found("ab", ["m2"]), ["m2/ab1"]);
    assert.deepEqual(await found("%"), []);
    assert.deepEqual(await found("ab", []), []);
    assert.equal((await found("", ["m1"])).length, 3);
    const both = await getRuns(database, [
      { machineId: "m1", runId: "cd" },
      { machineId: "m2", runId: "cd" },
      { machineId: "m2", runId: "ab1" },
    ]);
    assert.equal(both.length, 2);
  });

  it("are late when they take longer than they may", async () => {
    const { database } = await scene.open();
    const late = (id: string, lateMs: number | undefined, state: RunState = RunState.RUNNING) =>
      recordRuns(database, [{ machineId: "m1", report: reportOf(id, { state }), lateMs }]);
    await late("r1", 5000);
    await late("r2", 9000);
    await late("r3", undefined);
    await late("r4", 5000);
    // the schedule is gone by then
    await late("r4", undefined, RunState.DONE);
    assert.deepEqual(
      (await listLateRuns(database, 6000)).map(({ runId }) => runId),
      ["r1"],
    );
    assert.equal((await getRun(database, "m1", "r4"))?.lateMs, 5000);
    assert.equal(isLate({ lateMs: 5000, finishedMs: undefined }, 5001), true);
    assert.equal(isLate({ lateMs: 5000, finishedMs: 4000 }, 9000), false);
    assert.equal(isLate({ lateMs: undefined, finishedMs: undefined }, 9000), false);
  });
});
