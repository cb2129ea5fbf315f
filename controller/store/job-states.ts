/** How each job of each machine stands: its newest good snapshot, its newest backup. */

import { type Selectable, sql } from "kysely";
import { parseTimeName } from "../../common/time-name.ts";
import type { Inventory, RunReport } from "../../proto/gen/luksmith/v1/fleet.ts";
import { type Run, RunState, runStateFromJSON, runStateToJSON, Verb } from "../../proto/gen/luksmith/v1/types.ts";
import { type ListRow, listOf, oneOf } from "./json-list.ts";
import type { Database, Tables } from "./schema.ts";

export interface JobState {
  readonly machineId: string;
  readonly job: string;
  /** The newest good snapshot; undefined: none that is known. */
  readonly lastGoodMs: number | undefined;
  /** The newest backup that has ended. */
  readonly last: { readonly runId: string; readonly state: RunState; readonly startedMs: number } | undefined;
  /** Since when the job is known. */
  readonly sinceMs: number;
}

/** What a machine has said to have. */
export interface SaidJobs {
  readonly machineId: string;
  /** No two of one name. */
  readonly jobs: Inventory["jobs"];
  /** When. */
  readonly nowMs: number;
}

/** Of each machine its jobs, no others, with the newest good snapshot of each. @param said by different machines */
export async function setJobs(transaction: Database, said: readonly SaidJobs[]): Promise<void> {
  if (said.length === 0) return;
  const rows = said.flatMap(({ machineId, jobs, nowMs }) =>
    jobs.map(({ name, lastGood }): ListRow => [machineId, name, notAhead(lastGood, nowMs), nowMs]),
  );
  const list = listOf(transaction, ["text", "text", "bigint", "bigint"], rows);
  await transaction
    .deleteFrom("job_states")
    .where(
      "machine_id",
      "in",
      oneOf(
        transaction,
        said.map(({ machineId }) => machineId),
      ),
    )
    .where(sql<boolean>`(machine_id, job) not in (select column1, column2 from ${list} as kept)`)
    .execute();
  if (rows.length === 0) return;
  // without a condition SQLite would take what comes after for a join's (lang_upsert.html, 2.2)
  await sql`insert into job_states (machine_id, job, last_good_ms, since_ms)
    select column1, column2, column3, column4 from ${list} as said where true
    on conflict (machine_id, job) do update set last_good_ms = excluded.last_good_ms
      where excluded.last_good_ms > coalesce(job_states.last_good_ms, 0)`.execute(transaction);
}

/** What the ends of backups say of their jobs. To be called in a transaction. */
export async function advanceJobs(
  transaction: Database,
  reports: readonly { readonly machineId: string; readonly report: RunReport }[],
  nowMs: number,
): Promise<void> {
  const rows = advances(reports, nowMs);
  if (rows.length === 0) return;
  const list = listOf(transaction, ["text", "text", "bigint", "text", "text", "bigint"], rows);
  await sql`update job_states set
      last_good_ms = case when v.column3 > coalesce(last_good_ms, 0) then v.column3 else last_good_ms end,
      last_run_id = case when v.column6 >= coalesce(last_started_ms, 0) then v.column4 else last_run_id end,
      last_state = case when v.column6 >= coalesce(last_started_ms, 0) then v.column5 else last_state end,
      last_started_ms = case when v.column6 >= coalesce(last_started_ms, 0) then v.column6 else last_started_ms end
    from ${list} as v where machine_id = v.column1 and job = v.column2`.execute(transaction);
}

/** One row for each job: machine, job, newest good snapshot, newest backup with its state and start. Pure. */
function advances(
  reports: readonly { readonly machineId: string; readonly report: RunReport }[],
  nowMs: number,
): ListRow[] {
  const jobs = new Map<string, { goodMs: number | null; row: ListRow; startedMs: number }>();
  for (const { machineId, report } of reports) {
    const { run } = report;
    if (run === undefined || run.verb !== Verb.BACKUP || run.dryRun || run.state === RunState.RUNNING) continue;
    const key = JSON.stringify([machineId, run.job]);
    const before = jobs.get(key);
    const startedMs = notAhead(run.startedAt, nowMs) ?? 0;
    const goodMs = Math.max(before?.goodMs ?? 0, goodSnapshotMs(run, nowMs) ?? 0) || null;
    const isNewest = before === undefined || startedMs >= before.startedMs;
    const last = isNewest ? [run.id, runStateToJSON(run.state), startedMs] : before.row.slice(3);
    jobs.set(key, {
      goodMs,
      startedMs: isNewest ? startedMs : before.startedMs,
      row: [machineId, run.job, goodMs, ...last],
    });
  }
  return [...jobs.values()].map(({ row }) => row);
}

/** Whether it is a backup that has made a snapshot to restore from; of one that is incomplete there is one too. Pure. */
export function isGoodBackup({ verb, dryRun, state }: Pick<Run, "verb" | "dryRun" | "state">): boolean {
  return verb === Verb.BACKUP && !dryRun && (state === RunState.DONE || state === RunState.INCOMPLETE);
}

/** When the snapshot that a backup has made is of; null: it has made none. */
function goodSnapshotMs(run: Run, nowMs: number): number | null {
  return isGoodBackup(run) ? notAhead(parseTimeName(run.snapshot) ?? run.startedAt, nowMs) : null;
}

/** A machine whose clock is ahead, or that lies, does not look good for longer by it. */
function notAhead(time: Date | undefined, nowMs: number): number | null {
  return time === undefined ? null : Math.min(time.getTime(), nowMs);
}

/** @param machineIds undefined: of all */
export async function listJobStates(database: Database, machineIds?: readonly string[]): Promise<JobState[]> {
  if (machineIds === undefined) {
    const rows = await database.selectFrom("job_states").selectAll().orderBy("machine_id").orderBy("job").execute();
    return rows.map(jobStateOf);
  }
  const rows = await database
    .selectFrom("job_states")
    .selectAll()
    .where("machine_id", "in", oneOf(database, machineIds))
    .orderBy("machine_id")
    .orderBy("job")
    .execute();
  return rows.map(jobStateOf);
}

function jobStateOf(row: Selectable<Tables["job_states"]>): JobState {
  const { last_run_id, last_state, last_started_ms } = row;
  return {
    machineId: row.machine_id,
    job: row.job,
    lastGoodMs: row.last_good_ms ?? undefined,
    last:
      last_run_id === null || last_state === null
        ? undefined
        : { runId: last_run_id, state: runStateFromJSON(last_state), startedMs: last_started_ms ?? 0 },
    sinceMs: row.since_ms,
  };
}
