/** Runs of machines that nobody hears of any more. */

import assert from "node:assert/strict";
import { it } from "node:test";
import { pino } from "pino";
import { type Clock, systemClock } from "../../../../common/clock.ts";
import { storePings } from "../../../../controller/alerts/on-run-report.ts";
import { MachineChanges } from "../../../../controller/machines/changes.ts";
import { LostRuns } from "../../../../controller/runs/lost-runs.ts";
import { claimDeliveries } from "../../../../controller/store/deliveries.ts";
import { addDispatches, answerDispatches, getDispatches } from "../../../../controller/store/dispatches.ts";
import { listFailing } from "../../../../controller/store/fleet-view.ts";
import { advanceJobs, listJobStates, setJobs } from "../../../../controller/store/job-states.ts";
import { addMachine } from "../../../../controller/store/machines.ts";
import { countRunning, getRun, recordRuns } from "../../../../controller/store/runs.ts";
import type { Store } from "../../../../controller/store/store.ts";
import { type RunReport, Work } from "../../../../proto/gen/luksmith/v1/fleet.ts";
import { RunState } from "../../../../proto/gen/luksmith/v1/types.ts";
import { eachStore } from "../harness/each-store.ts";
import { insertSchedule, newMachine, reportOf } from "../harness/fleet-rows.ts";

const dayMs = 86_400_000;
const nowMs = Date.parse("2026-03-10T12:00:00Z");
const clock: Clock = { ...systemClock, now: () => new Date(nowMs), sleep: systemClock.sleep };

async function machine({ database }: Store, id: string, seenMs: number, isConnected = false): Promise<void> {
  await addMachine(database, newMachine(id));
  await database
    .updateTable("machines")
    .set({ last_seen_ms: seenMs, controller_id: isConnected ? "c1" : null })
    .where("id", "=", id)
    .execute();
  await setJobs(database, [{ machineId: id, jobs: [{ name: "home", volume: "v", lastGood: undefined }], nowMs: 1 }]);
}

async function report({ database }: Store, machineId: string, ...reports: RunReport[]): Promise<void> {
  const all = reports.map((each) => ({ machineId, report: each, lateMs: undefined }));
  await recordRuns(database, all);
  await advanceJobs(database, all, nowMs);
}

const look = (store: Store) => new LostRuns(store, clock, pino({ level: "silent" })).look();

eachStore("a run of which nobody hears any more", (scene) => {
  it("ends when its machine has been away for days, and as it really did when that comes back", async () => {
    const store = await scene.open();
    const { database } = store;
    await machine(store, "away", nowMs - 4 * dayMs);
    await machine(store, "late", nowMs - 2 * dayMs);
    await machine(store, "there", nowMs - 9 * dayMs, true);
    const order = { batch: "b", work: Work.create(), createdMs: 1, createdBy: "ann", expiresMs: 2 ** 50 };
    await addDispatches(database, [{ ...order, id: "d1", machineId: "away" }]);
    await answerDispatches(database, [{ machineId: "away", dispatchId: "d1", runId: "r1", error: undefined }], 2);
    for (const id of ["away", "late", "there"]) await report(store, id, reportOf("r1", {}, { dispatchId: "d1" }));
    await look(store);
    assert.equal(await countRunning(database), 2);
    const lost = await getRun(database, "away", "r1");
    assert.deepEqual([lost?.state, lost?.finishedMs], [RunState.INTERRUPTED, nowMs]);
    assert.deepEqual(lost?.report.run?.error, {
      code: "interrupted",
      message: "nothing has been heard of the machine since 2026-03-06 12:00 UTC: how the run ended is not known",
      hint: "",
    });
    assert.equal(lost?.report.cause?.dispatchId, "d1");
    assert.equal((await getDispatches(database, ["d1"]))[0]?.state, "ended");
    assert.deepEqual(await listFailing(database, 10), [{ machineId: "away", runId: "r1" }]);
    // what was under way stays what it was, until its end
    await report(store, "away", reportOf("r1"));
    assert.equal((await getRun(database, "away", "r1"))?.state, RunState.INTERRUPTED);
    await report(store, "away", reportOf("r1", { state: RunState.DONE, summary: "all well" }));
    assert.equal((await getRun(database, "away", "r1"))?.report.run?.summary, "all well");
    assert.equal((await listJobStates(database, ["away"]))[0]?.last?.state, RunState.DONE);
    assert.deepEqual(await listFailing(database, 10), []);
    await look(store);
    assert.equal((await getRun(database, "away", "r1"))?.state, RunState.DONE);
  });

  it("has failed for whoever watches its schedule from outside, and was good if it turns out so", async () => {
    const store = await scene.open();
    const { database } = store;
    await insertSchedule(
      database,
      `{ name: nightly, selector: all, verb: backup, job: home, cron: "0 2 * * *", ping: "https://hc.example.net/{machine}" }`,
    );
    const pinged = async () =>
      (await claimDeliveries(database, { nowMs: nowMs + dayMs, leaseMs: dayMs, limit: 9 }))
        .map(({ payload }) => JSON.parse(payload).url)
        .toSorted();
    for (const id of ["away", "gone"]) {
      await machine(store, id, nowMs - 4 * dayMs);
      await database.updateTable("machines").set({ state: "active", name: id }).where("id", "=", id).execute();
      await report(store, id, reportOf("r1", {}, { schedule: "nightly" }));
    }
    await new MachineChanges(store, clock).revoke("gone", "root");
    await look(store);
    assert.deepEqual(await pinged(), ["https://hc.example.net/away/fail", "https://hc.example.net/gone/fail"]);
    const good = reportOf("r1", { state: RunState.DONE }, { schedule: "nightly" });
    await store.transaction((transaction) => storePings(transaction, [{ machineId: "away", report: good }], nowMs));
    assert.deepEqual(await pinged(), ["https://hc.example.net/away"]);
  });

  it("ends with the revocation of its machine", async () => {
    const store = await scene.open();
    const { database } = store;
    await machine(store, "m1", nowMs, true);
    await machine(store, "m2", nowMs, true);
    const many = Array.from({ length: 450 }, (_, number) => reportOf(`r${number}`));
    await report(store, "m1", ...many, reportOf("over", { state: RunState.DONE }));
    await report(store, "m2", reportOf("r1"));
    await new MachineChanges(store, clock).revoke("m1", "root");
    // so many at once that nobody waits for them
    assert.equal(await countRunning(database), 251);
    await look(store);
    assert.equal(await countRunning(database), 1);
    const run = await getRun(database, "m1", "r7");
    assert.equal(run?.state, RunState.INTERRUPTED);
    assert.match(run?.report.run?.error?.message ?? "", /^the machine was revoked: /);
    assert.equal((await getRun(database, "m1", "over"))?.state, RunState.DONE);
    assert.equal((await getRun(database, "m2", "r1"))?.state, RunState.RUNNING);
  });
});
