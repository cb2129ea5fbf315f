/** The runs of all machines, as these have reported them. The same report twice counts once. */

import { type Selectable, sql } from "kysely";
import { RunReport } from "../../proto/gen/luksmith/v1/fleet.ts";
import {
  RunState,
  runStateFromJSON,
  runStateToJSON,
  type Verb,
  verbFromJSON,
  verbToJSON,
} from "../../proto/gen/luksmith/v1/types.ts";
import { inParts } from "./in-parts.ts";
import { isAmong, listOf } from "./json-list.ts";
import type { Database, Tables } from "./schema.ts";
import type { Usage } from "./usage.ts";

export interface NewReport {
  readonly machineId: string;
  readonly report: RunReport;
  /** When the run counts as missing; undefined: never. */
  readonly lateMs: number | undefined;
}

export interface StoredRun {
  readonly machineId: string;
  readonly runId: string;
  readonly verb: Verb;
  readonly job: string;
  readonly volume: string;
  readonly state: RunState;
  readonly startedMs: number;
  readonly finishedMs: number | undefined;
  readonly schedule: string | undefined;
  readonly occurrenceMs: number | undefined;
  readonly dispatchId: string | undefined;
  readonly lateMs: number | undefined;
  readonly report: RunReport;
}

/** Whether it has taken longer than it may, or takes. Pure. */
export function isLate({ lateMs, finishedMs }: Pick<StoredRun, "lateMs" | "finishedMs">, nowMs: number): boolean {
  return lateMs !== undefined && (finishedMs ?? nowMs) > lateMs;
}

/** All conditions have to hold; one that is left out always does. */
export interface RunFilter {
  /** Those that the asker may see; an empty list: none. */
  readonly machineIds?: readonly string[] | undefined;
  readonly job?: string | undefined;
  readonly schedule?: string | undefined;
  readonly verb?: Verb | undefined;
  /** Empty: of every state. */
  readonly states?: readonly RunState[] | undefined;
  readonly sinceMs?: number | undefined;
  readonly limit: number;
}

const running = runStateToJSON(RunState.RUNNING);

/**
 * The newest report of a run counts, but what has ended never runs again. To be called in a transaction.
 * @returns what is kept more by it
 */
export async function recordRuns(transaction: Database, reports: readonly NewReport[]): Promise<Usage[]> {
  const newest = newestOfEach(reports);
  const known = await knownRuns(
    transaction,
    newest.map(({ machineId, report }) => ({ machineId, runId: report.run?.id ?? "" })),
  );
  for (const part of inParts(newest.map(rowOf), 13)) {
    await transaction
      .insertInto("runs")
      .values(part)
      .onConflict((conflict) =>
        conflict
          .columns(["machine_id", "run_id"])
          .doUpdateSet(({ ref, fn }) => ({
            state: ref("excluded.state"),
            finished_ms: ref("excluded.finished_ms"),
            // of a run that ended while the machine was away the schedule may be gone already
            late_ms: fn.coalesce("excluded.late_ms", "runs.late_ms"),
            report: ref("excluded.report"),
          }))
          .where(({ eb, or }) => or([eb("runs.state", "=", running), eb("excluded.state", "<>", running)])),
      )
      .execute();
  }
  return newest
    .filter(({ machineId, report }) => !known.has(runKey({ machineId, runId: report.run?.id ?? "" })))
    .map(({ machineId }) => ({ machineId, eventBytes: 0, runs: 1 }));
}

/** Of the runs that are there already, by {@link runKey}. */
async function knownRuns(
  database: Database,
  runs: readonly { readonly machineId: string; readonly runId: string }[],
): Promise<Set<string>> {
  if (runs.length === 0) return new Set();
  const list = listOf(
    database,
    ["text", "text"],
    runs.map(({ machineId, runId }) => [machineId, runId]),
  );
  const { rows } = await sql<{ machine_id: string; run_id: string }>`select machine_id, run_id from runs
    where (machine_id, run_id) in (select column1, column2 from ${list} as v)`.execute(database);
  return new Set(rows.map(({ machine_id, run_id }) => runKey({ machineId: machine_id, runId: run_id })));
}

export function runKey({ machineId, runId }: { readonly machineId: string; readonly runId: string }): string {
  return `${machineId} ${runId}`;
}

/** One statement must not change a row twice. */
function newestOfEach(reports: readonly NewReport[]): NewReport[] {
  const newest = new Map<string, NewReport>();
  for (const each of reports) {
    const key = `${each.machineId} ${each.report.run?.id}`;
    const before = newest.get(key);
    const isBackwards = before?.report.run?.state !== RunState.RUNNING && each.report.run?.state === RunState.RUNNING;
    if (before === undefined || !isBackwards) newest.set(key, each);
  }
  return [...newest.values()];
}

/** Newest first. */
export async function listRuns(database: Database, filter: RunFilter): Promise<StoredRun[]> {
  if (filter.machineIds?.length === 0) return [];
  let query = database.selectFrom("runs").selectAll();
  if (filter.machineIds !== undefined) query = query.where(isAmong(database, "machine_id", filter.machineIds));
  if (filter.job !== undefined) query = query.where("job", "=", filter.job);
  if (filter.schedule !== undefined) query = query.where("schedule", "=", filter.schedule);
  if (filter.verb !== undefined) query = query.where("verb", "=", verbToJSON(filter.verb));
  if (filter.states !== undefined && filter.states.length > 0)
    query = query.where("state", "in", filter.states.map(runStateToJSON));
  if (filter.sinceMs !== undefined) query = query.where("started_ms", ">=", filter.sinceMs);
  const rows = await query
    .orderBy("started_ms", "desc")
    .orderBy("machine_id")
    .orderBy("run_id", "desc")
    .limit(filter.limit)
    .execute();
  return rows.map(runOf);
}

export async function getRun(database: Database, machineId: string, runId: string): Promise<StoredRun | undefined> {
  const row = await database
    .selectFrom("runs")
    .selectAll()
    .where("machine_id", "=", machineId)
    .where("run_id", "=", runId)
    .executeTakeFirst();
  return row === undefined ? undefined : runOf(row);
}

/**
 * Those whose id begins so, newest first.
 * @param prefix of an id, which has no character that means anything to LIKE
 * @param machineIds where to look; undefined: everywhere
 */
export async function findRuns(
  database: Database,
  prefix: string,
  machineIds: readonly string[] | undefined,
  limit: number,
): Promise<StoredRun[]> {
  if (machineIds?.length === 0 || !/^[0-9a-z]*$/.test(prefix)) return [];
  let query = database.selectFrom("runs").selectAll();
  // not by comparing: a PostgreSQL may have its own idea of the alphabet
  if (prefix !== "") query = query.where("run_id", "like", `${prefix}%`);
  if (machineIds !== undefined) query = query.where(isAmong(database, "machine_id", machineIds));
  const rows = await query.orderBy("started_ms", "desc").orderBy("machine_id").limit(limit).execute();
  return rows.map(runOf);
}

/** In no order. */
export async function getRuns(
  database: Database,
  keys: readonly { machineId: string; runId: string }[],
): Promise<StoredRun[]> {
  if (keys.length === 0) return [];
  const list = listOf(
    database,
    ["text", "text"],
    keys.map(({ machineId, runId }) => [machineId, runId]),
  );
  const rows = await database
    .selectFrom("runs")
    .selectAll()
    .where(sql<boolean>`(machine_id, run_id) in (select column1, column2 from ${list} as v)`)
    .execute();
  return rows.map(runOf);
}

export async function countRunning(database: Database): Promise<number> {
  const { count } = await database
    .selectFrom("runs")
    .select(({ fn }) => fn.countAll<number>().as("count"))
    .where("state", "=", running)
    .executeTakeFirstOrThrow();
  return Number(count);
}

/** Those that are under way for longer than they may be. */
export async function listLateRuns(database: Database, nowMs: number): Promise<StoredRun[]> {
  const rows = await database
    .selectFrom("runs")
    .selectAll()
    .where("state", "=", running)
    .where("late_ms", "<", nowMs)
    .orderBy("late_ms")
    .execute();
  return rows.map(runOf);
}

function rowOf({ machineId, report, lateMs }: NewReport) {
  const { run, cause } = report;
  return {
    machine_id: machineId,
    run_id: run?.id ?? "",
    verb: verbToJSON(run?.verb ?? 0),
    job: run?.job ?? "",
    volume: run?.volume ?? "",
    state: runStateToJSON(run?.state ?? 0),
    started_ms: run?.startedAt?.getTime() ?? 0,
    finished_ms: run?.finishedAt?.getTime() ?? null,
    schedule: cause?.schedule || null,
    occurrence_ms: cause?.occurrence?.getTime() ?? null,
    dispatch_id: cause?.dispatchId || null,
    late_ms: lateMs ?? null,
    report: RunReport.encode(report).finish(),
  };
}

function runOf(row: Selectable<Tables["runs"]>): StoredRun {
  return {
    machineId: row.machine_id,
    runId: row.run_id,
    verb: verbFromJSON(row.verb),
    job: row.job,
    volume: row.volume,
    state: runStateFromJSON(row.state),
    startedMs: row.started_ms,
    finishedMs: row.finished_ms ?? undefined,
    schedule: row.schedule ?? undefined,
    occurrenceMs: row.occurrence_ms ?? undefined,
    dispatchId: row.dispatch_id ?? undefined,
    lateMs: row.late_ms ?? undefined,
    report: RunReport.decode(row.report),
  };
}
