import assert from "node:assert/strict";
import { it } from "node:test";
import { listFailing, listRunning } from "../../../../controller/store/fleet-view.ts";
import { advanceJobs, setJobs } from "../../../../controller/store/job-states.ts";
import { recordRuns } from "../../../../controller/store/runs.ts";
import { RunState } from "../../../../proto/gen/luksmith/v1/types.ts";
import { eachStore } from "../harness/each-store.ts";
import { reportOf } from "../harness/fleet-rows.ts";

eachStore("the fleet at a glance", (scene) => {
  it("has everybody in it, whatever one machine says to do", async () => {
    const { database } = await scene.open();
    const names = Array.from({ length: 300 }, (_, number) => ({
      name: `job${number}`,
      volume: "v",
      lastGood: undefined,
    }));
    await setJobs(database, [{ machineId: "bad", jobs: names, nowMs: 1 }]);
    await setJobs(database, [
      { machineId: "good", jobs: [{ name: "home", volume: "v", lastGood: undefined }], nowMs: 1 },
    ]);
    const startedAt = (ms: number) => new Date(1_000_000 + ms);
    const bad = names.flatMap(({ name }, number) => [
      reportOf(`r${number}`, { startedAt: startedAt(number), job: name }),
      reportOf(`f${number}`, { startedAt: startedAt(number), job: name, state: RunState.FAILED }),
    ]);
    const good = [
      reportOf("r", { startedAt: startedAt(-1) }),
      reportOf("f", { startedAt: startedAt(-1), state: RunState.FAILED }),
    ];
    const all = [
      ...bad.map((report) => ({ machineId: "bad", report, lateMs: undefined })),
      ...good.map((report) => ({ machineId: "good", report, lateMs: undefined })),
    ];
    await recordRuns(database, all);
    await advanceJobs(database, all, 2_000_000);
    const running = await listRunning(database, 200);
    assert.deepEqual(
      [running.length, running[0]?.runId, running.at(-1)],
      [51, "r299", { machineId: "good", runId: "r" }],
    );
    const failing = await listFailing(database, 200);
    assert.deepEqual(
      [failing.length, failing[0]?.runId, failing.at(-1)],
      [51, "f299", { machineId: "good", runId: "f" }],
    );
    assert.equal((await listRunning(database, 7)).length, 7);
  });
});
