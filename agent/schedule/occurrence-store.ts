/** What schedules have had done on this machine: written down before it is begun, so that nothing is done twice and nothing is lost. */

import type { SQLOutputValue, StatementSync } from "node:sqlite";
import { trustedUntil } from "../../common/schedule/next-start.ts";
import type { RunCause } from "../../proto/gen/luksmith/v1/fleet.ts";
import { ErrorDetail, verbToJSON } from "../../proto/gen/luksmith/v1/types.ts";
import { RunCauses } from "../runs/run-causes.ts";
import type { HistoryTables } from "../runs/run-store.ts";
import type { TaskName } from "./task.ts";

export interface Begun {
  readonly momentMs: number;
  /** When it was begun. */
  readonly atMs: number;
  /** Empty: it was refused before there was a run. */
  readonly runId: string;
  /** How many runs were begun for it, not counting those that an agent's stop has ended. */
  readonly tries: number;
  /** "running" also when the agent was stopped or killed meanwhile. */
  readonly state: "running" | "ended" | "refused";
  /** Why it was refused, unless an earlier agent did not write that down. */
  readonly error?: ErrorDetail | undefined;
}

/** Of one task. One is enough, but for clocks that jump. */
const keptEach = 20;
/** Names of schedules come from elsewhere, and must not fill the disk. */
const keptAll = 20_000;
const keptSeen = 5000;

const ofTask = "schedule = $schedule and verb = $verb and job = $job and volume = $volume";

export class OccurrenceStore {
  readonly #tables: HistoryTables;
  readonly #causes: RunCauses;
  readonly #queries: Readonly<
    Record<"begun" | "put" | "end" | "pruneTask" | "pruneAll" | "seen" | "putSeen" | "pruneSeen", StatementSync>
  >;

  /** @throws {LuksmithError} as all that is done here, when the history cannot be read or written */
  constructor(tables: HistoryTables) {
    this.#tables = tables;
    this.#causes = new RunCauses(tables);
    const newest = (table: string, kept: number, where = "true") =>
      `delete from ${table} where ${where} and rowid <=
         (select rowid from ${table} where ${where} order by rowid desc limit 1 offset ${kept})`;
    this.#queries = {
      begun: tables.prepare(`select * from occurrences where ${ofTask} order by rowid`),
      put: tables.prepare(
        `insert into occurrences (schedule, verb, job, volume, moment_ms, begun_ms, run_id, tries, state, error)
         values ($schedule, $verb, $job, $volume, $momentMs, $atMs, $runId, $tries, $state, $error)
         on conflict do update set begun_ms = excluded.begun_ms, run_id = excluded.run_id, tries = excluded.tries,
           state = excluded.state, error = excluded.error`,
      ),
      end: tables.prepare(`update occurrences set state = 'ended' where ${ofTask} and moment_ms = $momentMs`),
      pruneTask: tables.prepare(newest("occurrences", keptEach, ofTask)),
      pruneAll: tables.prepare(newest("occurrences", keptAll)),
      seen: tables.prepare(`select * from schedules_seen where ${ofTask}`),
      putSeen: tables.prepare(
        `insert or replace into schedules_seen (schedule, verb, job, volume, times, since_ms)
         values ($schedule, $verb, $job, $volume, $times, $sinceMs)`,
      ),
      pruneSeen: tables.prepare(newest("schedules_seen", keptSeen)),
    };
  }

  /**
   * Since when the schedule is this machine's, which is remembered for as long as its times are the same.
   * @param times whatever they are told apart by
   * @param sinceMs as the schedule says, if it does; not for a history that was lost, which does not know what was done since
   */
  since(task: TaskName, times: string, sinceMs: number | undefined, nowMs: number): number {
    const row = this.#tables.reading(() => this.#queries.seen.get(parameters(task)));
    // one that is in the future was written down by a clock that was wrong
    if (row?.times === times && Number(row.since_ms) <= trustedUntil(nowMs)) return Number(row.since_ms);
    const forgotten = this.#tables.isReplacement || this.#tables.notKeptBecause !== undefined;
    const since = forgotten ? nowMs : Math.min(sinceMs ?? nowMs, nowMs);
    this.#tables.writing(() => {
      this.#queries.putSeen.run({ ...parameters(task), times, sinceMs: since });
      this.#queries.pruneSeen.run();
    });
    return since;
  }

  /** Of one task, in the order in which they were written down. */
  begun(task: TaskName): Begun[] {
    return this.#tables.reading(() => this.#queries.begun.all(parameters(task)).map(begunOf));
  }

  /** Before the run is: with what has been begun for the same occurrence before in its place. */
  put(task: TaskName, begun: Begun): void {
    this.#tables.writing(() => {
      const { error, ...rest } = begun;
      const bytes = error === undefined ? null : ErrorDetail.encode(error).finish();
      this.#queries.put.run({ ...parameters(task), ...rest, error: bytes });
      this.#queries.pruneTask.run(parameters(task));
      this.#queries.pruneAll.run();
      if (begun.runId === "") return;
      const { schedule } = task;
      this.#causes.put(begun.runId, { schedule, occurrence: new Date(begun.momentMs), dispatchId: "" });
    });
  }

  /** Why a run began; undefined: somebody on the machine wanted it, or it is forgotten. */
  causeOf(runId: string): RunCause | undefined {
    return this.#causes.get(runId);
  }

  end(task: TaskName, momentMs: number): void {
    this.#tables.writing(() => this.#queries.end.run({ ...parameters(task), momentMs }));
  }
}

function parameters({ schedule, verb, job, volume }: TaskName) {
  return { schedule, verb: verbToJSON(verb), job, volume };
}

function begunOf(row: Record<string, SQLOutputValue>): Begun {
  const state = row.state === "running" || row.state === "refused" ? row.state : "ended";
  return {
    momentMs: Number(row.moment_ms),
    atMs: Number(row.begun_ms),
    runId: String(row.run_id),
    tries: Number(row.tries),
    state,
    ...(row.error instanceof Uint8Array ? { error: ErrorDetail.decode(row.error) } : {}),
  };
}
