/** What the agent remembers of its controller, beside the history of runs: its orders, and what it has been told of each run. */

import type { SQLOutputValue, StatementSync } from "node:sqlite";
import { Dispatch } from "../../proto/gen/luksmith/v1/fleet.ts";
import { ErrorDetail, verbToJSON } from "../../proto/gen/luksmith/v1/types.ts";
import type { HistoryTables } from "../runs/run-store.ts";
import { reportedVerbs } from "./allowed.ts";

/** An order that is not refused at once. */
export interface DispatchRecord {
  readonly dispatch: Dispatch;
  /** Who has sent it, and for whom. */
  readonly controller: string;
  /** The run that does it; empty while none has begun, and when none will. */
  readonly runId: string;
  /** Why it never will. */
  readonly error: ErrorDetail | undefined;
  /** The controller has the answer. */
  readonly recorded: boolean;
}

/** What the controller has of a run. */
export interface Reported {
  /** Events up to this one. */
  readonly seq: number;
  readonly ended: boolean;
}

/** The ids of so many orders are remembered after the controller has their answers; it does not send them again then. */
const rememberedDispatches = 1000;
/** The answer to an older one is told no more. */
const answeredForMs = 30 * 86_400_000;

export class FleetRecords {
  readonly #tables: HistoryTables;
  readonly #queries: Queries;

  /** @throws {LuksmithError} as all that is done here, when the history cannot be read or written */
  constructor(tables: HistoryTables) {
    this.#tables = tables;
    this.#queries = prepare(tables);
  }

  /**
   * Of a machine that is enrolled anew nothing is remembered that was another controller's.
   * @param afterRun the runs up to this one are not reported: they were before the enrolment
   */
  beginEnrolment(machineId: string, afterRun: string): "same" | "another" {
    const { enrolment, forgetEnrolments, forgetReports, forgetDispatches, enrol } = this.#queries;
    if (this.#tables.reading(() => enrolment.get(machineId)) !== undefined) return "same";
    this.#tables.writing(() => {
      for (const forget of [forgetEnrolments, forgetReports, forgetDispatches]) forget.run();
      enrol.run(machineId, afterRun);
    });
    return "another";
  }

  /** Of those that the controller has not to their end, the oldest after this one. */
  nextUnreported(after: string): string | undefined {
    const row = this.#tables.reading(() => this.#queries.nextUnreported.get(after));
    return row === undefined ? undefined : text(row.id);
  }

  unreported(): number {
    return Number(this.#tables.reading(() => this.#queries.unreported.get())?.count ?? 0);
  }

  /** Whether the controller is to be told of this run at all. */
  isReported(runId: string): boolean {
    return this.#tables.reading(() => this.#queries.isReported.get(runId)) !== undefined;
  }

  /** Undefined: nothing. */
  reported(runId: string): Reported | undefined {
    const row = this.#tables.reading(() => this.#queries.reported.get(runId));
    return row === undefined ? undefined : { seq: Number(row.seq), ended: row.ended === 1 };
  }

  /** Nothing is lost with it: the controller is then told twice. */
  setReported(runId: string, { seq, ended }: Reported): void {
    this.#tables.reading(() => this.#queries.setReported.run(runId, seq, ended ? 1 : 0));
  }

  dispatch(id: string): DispatchRecord | undefined {
    return this.#tables.reading(() => {
      const row = this.#queries.dispatch.get(id);
      return row === undefined ? undefined : recordOf(row);
    });
  }

  /** Those that are to be begun, or whose answer the controller may not have; oldest first. */
  openDispatches(): DispatchRecord[] {
    return this.#tables.reading(() => this.#queries.openDispatches.all().map(recordOf));
  }

  /** @throws {LuksmithError} also when it would be forgotten with this agent: then it must not be begun */
  accept(dispatch: Dispatch, controller: string, now: Date): void {
    if (this.#tables.notKeptBecause !== undefined) throw this.#tables.notKeptBecause;
    this.#tables.writing(() => {
      this.#queries.accept.run(dispatch.id, Dispatch.encode(dispatch).finish(), controller, now.getTime());
      this.#queries.pruneDispatches.run({ before: now.getTime() - answeredForMs, kept: rememberedDispatches });
    });
  }

  /** Before the run is on record: one that never came to be is begun anew. */
  begin(id: string, runId: string): void {
    this.#tables.writing(() => this.#queries.begin.run(runId, id));
  }

  refuse(id: string, error: ErrorDetail): void {
    this.#tables.writing(() => this.#queries.refuse.run(ErrorDetail.encode(error).finish(), id));
  }

  /** By the order's own id, or that of its run. */
  answerRecorded(id: string): void {
    this.#tables.reading(() => this.#queries.answerRecorded.run(id, id));
  }
}

type Queries = ReturnType<typeof prepare>;

function prepare(database: Pick<HistoryTables, "prepare">) {
  const verbs = reportedVerbs.map((verb) => `'${verbToJSON(verb)}'`).join(", ");
  const reportable = `verb in (${verbs}) and id > (select max(after_run) from enrolments)`;
  const unreported = `from runs left join reported_runs on run_id = id
    where ${reportable} and coalesce(ended, 0) = 0`;
  // an agent that died before the run was on record has not begun it; once the controller knows of the run, it may be forgotten here
  const dispatches = `select message, controller, error, recorded,
      case when recorded = 1 or run_id in (select id from runs) then run_id else '' end as run_id
    from dispatches`;
  return {
    enrolment: database.prepare("select machine_id from enrolments where machine_id = ?"),
    forgetEnrolments: database.prepare("delete from enrolments"),
    forgetReports: database.prepare("delete from reported_runs"),
    forgetDispatches: database.prepare("delete from dispatches"),
    enrol: database.prepare("insert into enrolments (machine_id, after_run) values (?, ?)"),
    nextUnreported: database.prepare(`select id ${unreported} and id > ? order by id limit 1`),
    unreported: database.prepare(`select count(*) as count ${unreported}`),
    isReported: database.prepare(`select id from runs where id = ? and ${reportable}`),
    reported: database.prepare("select seq, ended from reported_runs where run_id = ?"),
    setReported: database.prepare(
      `insert into reported_runs (run_id, seq, ended) values (?, ?, ?)
       on conflict (run_id) do update set seq = max(seq, excluded.seq), ended = max(ended, excluded.ended)`,
    ),
    dispatch: database.prepare(`${dispatches} where id = ?`),
    openDispatches: database.prepare(`${dispatches} where recorded = 0 order by accepted_ms, id`),
    accept: database.prepare(
      "insert into dispatches (id, message, controller, accepted_ms, run_id, error, recorded) values (?, ?, ?, ?, '', null, 0)",
    ),
    begin: database.prepare("update dispatches set run_id = ? where id = ?"),
    refuse: database.prepare("update dispatches set error = ? where id = ?"),
    answerRecorded: database.prepare(
      "update dispatches set recorded = 1 where id = ? or (run_id = ? and run_id <> '')",
    ),
    pruneDispatches: database.prepare(
      `delete from dispatches where (recorded = 1 or (accepted_ms < $before and (run_id <> '' or error is not null)))
         and id not in (select id from dispatches order by accepted_ms desc limit $kept)`,
    ),
  } satisfies Record<string, StatementSync>;
}

function recordOf(row: Record<string, SQLOutputValue>): DispatchRecord {
  const { message, error } = row;
  if (!(message instanceof Uint8Array)) throw new Error("an order is no bytes");
  return {
    dispatch: Dispatch.decode(message),
    controller: text(row.controller),
    runId: text(row.run_id),
    error: error instanceof Uint8Array ? ErrorDetail.decode(error) : undefined,
    recorded: row.recorded === 1,
  };
}

function text(value: SQLOutputValue | undefined): string {
  return typeof value === "string" ? value : "";
}
