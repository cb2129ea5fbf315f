/** What there is to be seen of the whole fleet at a glance: few columns, and of long lists the beginning. */

import { sql } from "kysely";
import { RunState, runStateToJSON } from "../../proto/gen/luksmith/v1/types.ts";
import type { MachineHead } from "./machines.ts";
import type { Database, Tables } from "./schema.ts";

export interface ViewedMachine extends MachineHead {
  /** The controller that has its stream. */
  readonly controllerId: string | undefined;
}

/** In no order. */
export async function viewMachines(database: Database): Promise<ViewedMachine[]> {
  const rows = await database
    .selectFrom("machines")
    .select(["id", "name", "hostname", "state", "labels", "enrolled_ms", "controller_id"])
    .execute();
  return rows.map(({ id, name, hostname, state, labels, enrolled_ms, controller_id }) => ({
    id,
    name: name ?? undefined,
    hostname,
    state,
    labels: JSON.parse(labels),
    enrolledMs: enrolled_ms,
    controllerId: controller_id ?? undefined,
  }));
}

/** How many runs are under way on each machine that has some. */
export async function countRunningByMachine(database: Database): Promise<Map<string, number>> {
  const rows = await database
    .selectFrom("runs")
    .select(({ fn }) => ["machine_id", fn.countAll<number>().as("count")])
    .where("state", "=", runStateToJSON(RunState.RUNNING))
    .groupBy("machine_id")
    .execute();
  return new Map(rows.map(({ machine_id, count }) => [machine_id, Number(count)]));
}

/** How many dispatches wait for each machine that has some. */
export async function countWaitingByMachine(database: Database): Promise<Map<string, number>> {
  const rows = await database
    .selectFrom("dispatches")
    .select(({ fn }) => ["machine_id", fn.countAll<number>().as("count")])
    .where("state", "in", ["queued", "sent"])
    .groupBy("machine_id")
    .execute();
  return new Map(rows.map(({ machine_id, count }) => [machine_id, Number(count)]));
}

/** Of one machine in a list that shows the fleet: one that invents what it does must not push the others out of it. */
const mostEach = 50;

interface RunKey {
  readonly machineId: string;
  readonly runId: string;
}

/** Runs under way, newest first. */
export async function listRunning(database: Database, limit: number): Promise<RunKey[]> {
  const { rows } = await sql<{ machine_id: string; run_id: string }>`select machine_id, run_id from
      (select machine_id, run_id, started_ms,
          row_number() over (partition by machine_id order by started_ms desc, run_id desc) as place
        from runs where state = ${runStateToJSON(RunState.RUNNING)}) as placed
    where place <= ${mostEach} order by started_ms desc, machine_id, run_id desc limit ${limit}`.execute(database);
  return rows.map(({ machine_id, run_id }) => ({ machineId: machine_id, runId: run_id }));
}

/** The newest backups of jobs that did not succeed, newest first. */
export async function listFailing(database: Database, limit: number): Promise<RunKey[]> {
  const failed = [RunState.FAILED, RunState.INTERRUPTED].map(runStateToJSON);
  const { rows } = await sql<{ machine_id: string; run_id: string }>`select machine_id, run_id from
      (select machine_id, last_run_id as run_id, last_started_ms,
          row_number() over (partition by machine_id order by last_started_ms desc, job) as place
        from job_states where last_state in (${sql.join(failed)}) and last_run_id is not null) as placed
    where place <= ${mostEach} order by last_started_ms desc, machine_id limit ${limit}`.execute(database);
  return rows.map(({ machine_id, run_id }) => ({ machineId: machine_id, runId: run_id }));
}

export interface ViewedAlert {
  readonly id: string;
  readonly kind: string;
  readonly machineId: string;
  readonly job: string;
  readonly state: Tables["alerts"]["state"];
  readonly sinceMs: number;
  readonly firedMs: number | undefined;
  readonly resolvedMs: number | undefined;
  readonly message: string;
  readonly notified: number;
}

/** The oldest first. @param resolvedSinceMs undefined: only those that are not */
export async function viewAlerts(database: Database, resolvedSinceMs?: number): Promise<ViewedAlert[]> {
  const rows = await database
    .selectFrom("alerts")
    .select(["id", "kind", "machine_id", "job", "state", "since_ms", "fired_ms", "resolved_ms", "message", "notified"])
    .where(({ eb, or }) =>
      or([
        eb("state", "<>", "resolved"),
        ...(resolvedSinceMs === undefined ? [] : [eb("resolved_ms", ">=", resolvedSinceMs)]),
      ]),
    )
    .orderBy("since_ms")
    .orderBy("id")
    .execute();
  return rows.map((row) => ({
    id: row.id,
    kind: row.kind,
    machineId: row.machine_id,
    job: row.job,
    state: row.state,
    sinceMs: row.since_ms,
    firedMs: row.fired_ms ?? undefined,
    resolvedMs: row.resolved_ms ?? undefined,
    message: row.message,
    notified: row.notified,
  }));
}

/** Of a batch, those that something has become of since, with when that was. */
export async function changedDispatches(
  database: Database,
  batch: string,
  sinceMs: number,
): Promise<{ id: string; changedMs: number }[]> {
  const rows = await database
    .selectFrom("dispatches")
    .select(["id", "changed_ms"])
    .where("batch", "=", batch)
    .where("changed_ms", ">=", sinceMs)
    .execute();
  return rows.map(({ id, changed_ms }) => ({ id, changedMs: changed_ms }));
}
