/** What the controller knows of each machine of the fleet that may be a reason for an alert: read page by page, since there are many. */

import { sql } from "kysely";
import { Inventory, RunReport, Trust } from "../../proto/gen/luksmith/v1/fleet.ts";
import { RunState, runStateToJSON, Verb, verbToJSON } from "../../proto/gen/luksmith/v1/types.ts";
import type { TroubledRun, WatchedMachine } from "../alerts/condition.ts";
import type { Database } from "./schema.ts";

/** What schedules have it do is not in here. */
export interface KnownMachine extends Omit<WatchedMachine, "expectations"> {
  /** Its own, or its host's while it has none. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Of one machine: one that invents them must not push those of others out of what people are told. */
const mostTroubled = 100;
/** On SQLite each query holds up everything else. */
const machinesAtOnce = 500;
/** What failed before and was never tried again is nobody's news. */
const failuresMs = 35 * 86_400_000;

const running = runStateToJSON(RunState.RUNNING);
const failed = [RunState.FAILED, RunState.INTERRUPTED].map(runStateToJSON);
/** What says how it stands; one that was cancelled does not. */
const telling = [...failed, ...[RunState.DONE, RunState.INCOMPLETE, RunState.SKIPPED].map(runStateToJSON)];
const backup = verbToJSON(Verb.BACKUP);

/** @yields those that are one of the fleet, by their ids */
export async function* readWatchedMachines(database: Database, nowMs: number): AsyncGenerator<KnownMachine[]> {
  const troubled = grouped([
    ...(await lateRuns(database, nowMs)),
    ...(await failedBackups(database)),
    ...(await otherFailedRuns(database, nowMs)),
  ]);
  for (let after = ""; ; ) {
    const machines = await database
      .selectFrom("machines")
      .select(["id", "name", "hostname", "labels", "enrolled_ms", "clock_skew_ms", "notice", "trust", "inventory"])
      .where("state", "=", "active")
      .where("id", ">", after)
      .orderBy("id")
      .limit(machinesAtOnce)
      .execute();
    const last = machines.at(-1);
    if (last === undefined) return;
    const jobs = grouped(await jobsBetween(database, after, last.id));
    const certificates = new Map((await certificatesBetween(database, after, last.id)).map((row) => [row.owner, row]));
    after = last.id;
    yield machines.map(({ id, name, hostname, labels, enrolled_ms, clock_skew_ms, notice, trust, inventory }) => {
      return {
        id,
        name: name ?? hostname,
        labels: JSON.parse(labels) as Record<string, string>,
        enrolledMs: enrolled_ms,
        clockSkewMs: clock_skew_ms,
        notice,
        jobs: jobs.get(id) ?? [],
        runs: newestFirst(troubled.get(id) ?? []).slice(0, mostTroubled),
        notBegun: notBegunOf(Inventory.decode(inventory)),
        certificate: newest(certificates.get(id), Trust.decode(trust).expires),
      };
    });
  }
}

function newestFirst(runs: readonly Found[]): Found[] {
  return runs.toSorted((a, b) => b.startedMs - a.startedMs || (a.runId < b.runId ? -1 : 1));
}

function notBegunOf({ refused }: Inventory): WatchedMachine["notBegun"] {
  return refused.flatMap(({ schedule, job, volume, occurrence, error }) => {
    // what it does not go by at all may be meant so: that is for luksmith fleet machines to show
    if (occurrence === undefined) return [];
    const reason = error?.message || error?.code || "for an unknown reason";
    return [{ schedule, job, volume, momentMs: occurrence.getTime(), reason }];
  });
}

/** @param reported what the machine says of the one that it has: a store that was brought back from a copy may not know that */
function newest(stored: { issued_ms: number; expires_ms: number } | undefined, reported: Date | undefined) {
  if (stored === undefined) return undefined;
  const lifeMs = stored.expires_ms - stored.issued_ms;
  const expiresMs = Math.max(stored.expires_ms, reported?.getTime() ?? 0);
  return { issuedMs: expiresMs - lifeMs, expiresMs };
}

function grouped<Row extends { readonly machineId: string }>(rows: readonly Row[]): Map<string, Row[]> {
  return Map.groupBy(rows, ({ machineId }) => machineId);
}

async function jobsBetween(database: Database, after: string, last: string) {
  const rows = await database
    .selectFrom("job_states")
    .select(["machine_id", "job", "since_ms", "last_good_ms"])
    .where("machine_id", ">", after)
    .where("machine_id", "<=", last)
    .execute();
  return rows.map(({ machine_id, job, since_ms, last_good_ms }) => ({
    machineId: machine_id,
    job,
    sinceMs: since_ms,
    lastGoodMs: last_good_ms ?? undefined,
  }));
}

function certificatesBetween(database: Database, after: string, last: string) {
  return database
    .selectFrom("certificates")
    .select(({ fn }) => ["owner", fn.max("issued_ms").as("issued_ms"), fn.max("expires_ms").as("expires_ms")])
    .where("kind", "=", "machine")
    .where("owner", ">", after)
    .where("owner", "<=", last)
    .where("revoked_ms", "is", null)
    .groupBy("owner")
    .execute();
}

type Found = TroubledRun & { readonly machineId: string };

async function lateRuns(database: Database, nowMs: number): Promise<Found[]> {
  const rows = await database
    .selectFrom("runs")
    .select(["machine_id", "run_id", "verb", "job", "volume", "started_ms", "late_ms"])
    .where("state", "=", running)
    .where("late_ms", "<=", nowMs)
    .execute();
  return rows.map((row) => ({ ...headOf(row), trouble: { lateSinceMs: row.late_ms ?? nowMs } }));
}

async function failedBackups(database: Database): Promise<Found[]> {
  const rows = await database
    .selectFrom("job_states")
    .innerJoin("runs", (join) =>
      join.onRef("runs.machine_id", "=", "job_states.machine_id").onRef("runs.run_id", "=", "job_states.last_run_id"),
    )
    .select(["runs.machine_id", "run_id", "verb", "runs.job", "volume", "started_ms", "report"])
    .where("job_states.last_state", "in", failed)
    .execute();
  return rows.map(failureOf);
}

/** The newest of their kind on their machine. */
async function otherFailedRuns(database: Database, nowMs: number): Promise<Found[]> {
  const rows = await database
    .selectFrom("runs")
    .select(["machine_id", "run_id", "verb", "job", "volume", "started_ms", "report"])
    .where("state", "in", failed)
    .where("verb", "<>", backup)
    .where("started_ms", ">", nowMs - failuresMs)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom("runs as newer")
            .select(sql<number>`1`.as("one"))
            .whereRef("newer.machine_id", "=", "runs.machine_id")
            .whereRef("newer.verb", "=", "runs.verb")
            .whereRef("newer.job", "=", "runs.job")
            .whereRef("newer.volume", "=", "runs.volume")
            .whereRef("newer.started_ms", ">", "runs.started_ms")
            .where("newer.state", "in", telling),
        ),
      ),
    )
    .execute();
  return rows.map(failureOf);
}

interface RunHead {
  machine_id: string;
  run_id: string;
  verb: string;
  job: string;
  volume: string;
  started_ms: number;
}

function headOf({ machine_id, run_id, verb, job, volume, started_ms }: RunHead) {
  return { machineId: machine_id, runId: run_id, verb: words(verb), job, volume, startedMs: started_ms };
}

function failureOf(row: RunHead & { report: Uint8Array }): Found {
  const error = RunReport.decode(row.report).run?.error;
  return { ...headOf(row), trouble: { failed: error?.message || error?.code || "for an unknown reason" } };
}

/** "VERB_CHECK_VOLUME": "check volume". */
function words(verb: string): string {
  return verb
    .replace(/^VERB_/, "")
    .toLowerCase()
    .replaceAll("_", " ");
}
