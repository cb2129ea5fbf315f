/** What is asked for is asked for in one way, however many machines it is about: 40,000 are more than a statement can name one by one. */

import assert from "node:assert/strict";
import { it } from "node:test";
import { sql } from "kysely";
import type { Alert } from "../../../../controller/alerts/alert.ts";
import { openAlerts, writeAlerts } from "../../../../controller/store/alerts.ts";
import {
  cancelDispatches,
  claimDispatches,
  getDispatches,
  listDispatches,
  listSilent,
} from "../../../../controller/store/dispatches.ts";
import { countWaitingByMachine, listFailing, viewMachines } from "../../../../controller/store/fleet-view.ts";
import { listJobStates } from "../../../../controller/store/job-states.ts";
import { listMachineHeads, machinesNow, seeMachines, takeBackStreams } from "../../../../controller/store/machines.ts";
import { findRuns, getRuns, listRuns } from "../../../../controller/store/runs.ts";
import type { Store } from "../../../../controller/store/store.ts";
import { addUsage } from "../../../../controller/store/usage.ts";
import { readWatchedMachines } from "../../../../controller/store/watched-machines.ts";
import { RunReport } from "../../../../proto/gen/luksmith/v1/fleet.ts";
import { RunState } from "../../../../proto/gen/luksmith/v1/types.ts";
import { eachStore } from "../harness/each-store.ts";
import { reportOf } from "../harness/fleet-rows.ts";
import { OpsScene } from "../harness/ops-scene.ts";

const size = 40_000;
const nothing = new Uint8Array();

/** All are connected; each has a job whose last backup failed, and something that waits for it. Every fourth is "test". */
async function fill({ database }: Store): Promise<void> {
  const numbers = sql`with recursive numbers(i) as (select 1 union all select i + 1 from numbers where i < ${sql.lit(size)})`;
  const report = RunReport.encode(reportOf("r1", { state: RunState.FAILED })).finish();
  await sql`insert into machines (id, name, hostname, state, labels, version, token_id, enrolled_ms, last_seen_ms,
      clock_skew_ms, controller_id, instance, stream, inventory, trust, schedules_revision, notice)
    ${numbers} select 'm' || i, 'name' || i, 'h', 'active',
      case when i % 4 = 0 then '{"env":"test"}' else '{"env":"prod"}' end, '1', 't', 1, 1,
      0, 'c1', 'i1', 1, ${nothing}, ${nothing}, '', '' from numbers`.execute(database);
  await sql`insert into runs (machine_id, run_id, verb, job, volume, state, started_ms, finished_ms, report)
    ${numbers} select 'm' || i, 'ab' || i, 'VERB_BACKUP', 'home', 'v', 'RUN_STATE_FAILED', i, i + 1, ${report}
    from numbers`.execute(database);
  await sql`insert into job_states (machine_id, job, last_run_id, last_state, last_started_ms, since_ms)
    ${numbers} select 'm' || i, 'home', 'ab' || i, 'RUN_STATE_FAILED', i, 1 from numbers`.execute(database);
  await sql`insert into dispatches (id, batch, machine_id, work, state, created_ms, created_by, expires_ms, changed_ms)
    ${numbers} select 'd' || i, 'b', 'm' || i, ${nothing}, 'queued', i, 'ann', 9000000, i from numbers`.execute(
    database,
  );
}

const ids = Array.from({ length: size }, (_, index) => `m${index + 1}`);

eachStore("40,000 machines", (scene) => {
  it("are asked about as one is", async () => {
    const store = await scene.open();
    await fill(store);
    const { database } = store;
    assert.equal((await listMachineHeads(database)).length, size);
    const runs = await listRuns(database, { machineIds: ids, states: [RunState.FAILED], limit: 50 });
    assert.deepEqual([runs.length, runs[0]?.runId], [50, `ab${size}`]);
    const half = ids.filter((_, index) => index % 2 === 0);
    assert.equal((await listRuns(database, { machineIds: half, limit: 1 }))[0]?.runId, `ab${size - 1}`);
    assert.equal((await findRuns(database, "ab39999", ids, 5)).length, 1);
    assert.equal((await findRuns(database, "ab40000", half, 5)).length, 0);
    const keys = ids.map((machineId) => ({ machineId, runId: machineId.replace("m", "ab") }));
    assert.equal((await getRuns(database, keys)).length, size);
    assert.equal((await listJobStates(database, ids)).length, size);
    assert.equal((await listFailing(database, size)).length, size);
    assert.equal((await viewMachines(database)).length, size);

    assert.equal((await listDispatches(database, { machineIds: ids, limit: 20 }))[0]?.id, `d${size}`);
    assert.equal((await listDispatches(database, { machineIds: half })).length, size / 2);
    assert.equal((await countWaitingByMachine(database)).size, size);
    let claimed = 0;
    for (let more = 1; more > 0; claimed += more) {
      more = (await store.transaction((transaction) => claimDispatches(transaction, "c1", 5000, 5000))).length;
    }
    assert.equal(claimed, size);
    assert.equal((await listSilent(database, "c1", 6000, 7000)).length, size);
    const dispatchIds = ids.map((id) => id.replace("m", "d"));
    assert.equal((await getDispatches(database, dispatchIds)).length, size);
    assert.equal((await cancelDispatches(database, dispatchIds, "ann", 8000)).length, size);
  });

  it("are written about as one is", async () => {
    const store = await scene.open();
    await fill(store);
    const { database } = store;
    await seeMachines(
      database,
      ids.map((machineId) => ({ machineId, seenMs: 7, clockSkewMs: 1 })),
    );
    await database.updateTable("machines").set({ controller_id: null }).execute();
    await takeBackStreams(
      database,
      "c2",
      ids.map((machineId) => ({ machineId, stream: 1 })),
    );
    assert.equal((await machinesNow(database, ids)).size, size);
    const { count } = await database
      .selectFrom("machines")
      .select(({ fn }) => fn.countAll<number>().as("count"))
      .where("controller_id", "=", "c2")
      .where("last_seen_ms", "=", 7)
      .executeTakeFirstOrThrow();
    assert.equal(Number(count), size);
    const usages = await addUsage(
      database,
      ids.map((machineId) => ({ machineId, eventBytes: 1, runs: 1 })),
    );
    assert.equal(usages.length, size);
    const put: Alert[] = [];
    for await (const page of readWatchedMachines(database, 10)) {
      for (const { id, runs } of page) {
        const nobody = { firedMs: undefined, clearMs: undefined, resolvedMs: undefined, notifiedMs: undefined };
        const alert = {
          id,
          subject: id,
          kind: "failing" as const,
          machineId: id,
          job: "home",
          state: "firing" as const,
        };
        if (runs.length === 1)
          put.push({ ...alert, ...nobody, sinceMs: 1, seenMs: 1, flaps: 0, message: "", notified: 0 });
      }
    }
    await store.transaction((transaction) => writeAlerts(transaction, { put, drop: [] }));
    assert.equal((await openAlerts(database)).length, size);
    await store.transaction((transaction) => writeAlerts(transaction, { put: [], drop: ids }));
    assert.deepEqual(await openAlerts(database), []);
  });

  it("are an operator's whose scope leaves some out", async () => {
    const store = await scene.open();
    await fill(store);
    await using ops = await OpsScene.start(store);
    const sam = await ops.operator("sam", "operator", "env=prod");
    const all = { selector: "", job: "", schedule: "", states: [], since: undefined, limit: 3 };
    const { runs } = await sam.unary.listFleetRuns(all);
    assert.deepEqual(
      runs.map(({ run }) => run?.id),
      ["ab39999", "ab39998", "ab39997"],
    );
    assert.deepEqual(
      runs.map(({ machine }) => machine),
      ["name39999", "name39998", "name39997"],
    );
    const { dispatches } = await sam.unary.listDispatches({ batch: "", selector: "env=prod", limit: 2 });
    assert.deepEqual(
      dispatches.map(({ machine }) => machine),
      ["name39999", "name39998"],
    );
    const [first] = await sam.read(sam.client.watchFleetRun({ run: "ab39999", follow: false }), () => true);
    assert.equal(first?.kind?.$case === "run" ? first.kind.value.machine : "", "name39999");
    assert.equal((await sam.unary.getFleet({})).machines, (size / 4) * 3);
  });
});
