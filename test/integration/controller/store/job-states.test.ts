import assert from "node:assert/strict";
import { it } from "node:test";
import { advanceJobs, listJobStates, setJobs } from "../../../../controller/store/job-states.ts";
import type { Database } from "../../../../controller/store/schema.ts";
import type { RunReport } from "../../../../proto/gen/luksmith/v1/fleet.ts";
import { RunState, Verb } from "../../../../proto/gen/luksmith/v1/types.ts";
import { eachStore } from "../harness/each-store.ts";
import { reportOf } from "../harness/fleet-rows.ts";

const nowMs = Date.UTC(2026, 10, 28, 12);
const hourMs = 3_600_000;
const job = (name: string, lastGoodMs?: number) => ({
  name,
  volume: "v",
  lastGood: lastGoodMs === undefined ? undefined : new Date(lastGoodMs),
});

async function stateOf(database: Database, name: string) {
  return (await listJobStates(database, ["m1"])).find((state) => state.job === name);
}

const advance = (database: Database, ...reports: RunReport[]) =>
  advanceJobs(
    database,
    reports.map((report) => ({ machineId: "m1", report })),
    nowMs,
  );

eachStore("the states of jobs", (scene) => {
  it("are those of the jobs that a machine has", async () => {
    const { database } = await scene.open();
    await setJobs(database, [{ machineId: "m1", jobs: [job("etc", 5000), job("home")], nowMs: 1000 }]);
    await setJobs(database, [{ machineId: "m2", jobs: [job("home")], nowMs: 1000 }]);
    await setJobs(database, [{ machineId: "m1", jobs: [job("home", nowMs - hourMs), job("srv")], nowMs: nowMs }]);
    const states = await listJobStates(database);
    assert.deepEqual(
      states.map(({ machineId, job: name, lastGoodMs, sinceMs }) => [machineId, name, lastGoodMs, sinceMs]),
      [
        ["m1", "home", nowMs - hourMs, 1000],
        ["m1", "srv", undefined, nowMs],
        ["m2", "home", undefined, 1000],
      ],
    );
    await setJobs(database, [{ machineId: "m1", jobs: [], nowMs: nowMs }]);
    assert.deepEqual(
      (await listJobStates(database)).map(({ machineId }) => machineId),
      ["m2"],
    );
  });

  it("are set for many machines at once, of none but these", async () => {
    const { database } = await scene.open();
    const all = async () =>
      (await listJobStates(database)).map(({ machineId, job: name, lastGoodMs }) => [machineId, name, lastGoodMs]);
    await setJobs(
      database,
      ["m1", "m2", "m3"].map((machineId) => ({ machineId, jobs: [job("home", 10), job("etc")], nowMs: 1000 })),
    );
    await setJobs(database, [
      { machineId: "m1", jobs: [job("home", 5), job("srv")], nowMs: 2000 },
      { machineId: "m2", jobs: [], nowMs: 2000 },
    ]);
    assert.deepEqual(await all(), [
      ["m1", "home", 10],
      ["m1", "srv", undefined],
      ["m3", "etc", undefined],
      ["m3", "home", 10],
    ]);
    await setJobs(database, []);
    assert.equal((await all()).length, 4);
  });

  it("know the newest good snapshot, and no older one", async () => {
    const { database } = await scene.open();
    await setJobs(database, [{ machineId: "m1", jobs: [job("home", nowMs - 5 * hourMs)], nowMs: 1000 }]);
    const at = (startedMs: number) => new Date(startedMs);
    const snapshot = "2026-11-28T10-00-00Z";
    await advance(database, reportOf("r1", { state: RunState.DONE, startedAt: at(nowMs - 2 * hourMs), snapshot }));
    assert.equal((await stateOf(database, "home"))?.lastGoodMs, nowMs - 2 * hourMs);
    await advance(database, reportOf("r0", { state: RunState.DONE, startedAt: at(nowMs - 9 * hourMs) }));
    await advance(
      database,
      reportOf("r2", { state: RunState.FAILED, startedAt: at(nowMs - hourMs) }),
      reportOf("r1", { state: RunState.DONE, startedAt: at(nowMs - 2 * hourMs), snapshot }),
    );
    await setJobs(database, [{ machineId: "m1", jobs: [job("home", nowMs - 5 * hourMs)], nowMs: nowMs }]);
    const state = await stateOf(database, "home");
    assert.equal(state?.lastGoodMs, nowMs - 2 * hourMs);
    assert.deepEqual(state?.last, { runId: "r2", state: RunState.FAILED, startedMs: nowMs - hourMs });
  });

  it("are not made better by a clock that is ahead", async () => {
    const { database } = await scene.open();
    await setJobs(database, [{ machineId: "m1", jobs: [job("a", nowMs + 9 * hourMs), job("home")], nowMs: nowMs }]);
    await advance(database, reportOf("r1", { state: RunState.DONE, startedAt: new Date(nowMs + hourMs) }));
    assert.deepEqual(
      (await listJobStates(database)).map(({ lastGoodMs }) => lastGoodMs),
      [nowMs, nowMs],
    );
  });

  it("are about backups that were made", async () => {
    const { database } = await scene.open();
    await setJobs(database, [{ machineId: "m1", jobs: [job("home")], nowMs: 1000 }]);
    await advance(
      database,
      reportOf("r1", { state: RunState.DONE, dryRun: true }),
      reportOf("r2", { state: RunState.DONE, verb: Verb.VERIFY }),
      reportOf("r3"),
      reportOf("r4", { state: RunState.DONE, job: "unknown" }),
    );
    const [state, ...others] = await listJobStates(database);
    assert.deepEqual([state?.last, state?.lastGoodMs, others], [undefined, undefined, []]);
    await advance(database, reportOf("r5", { state: RunState.SKIPPED }));
    assert.deepEqual(
      [(await stateOf(database, "home"))?.last?.runId, (await stateOf(database, "home"))?.lastGoodMs],
      ["r5", undefined],
    );
  });
});
