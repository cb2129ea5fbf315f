/** The history of runs in SQLite: the queries, and what is kept for how long. */

import type { DatabaseSync, SQLOutputValue, StatementSync } from "node:sqlite";
import type { LuksmithError } from "../../common/errors.ts";
import type { Log } from "../../common/log.ts";
import {
  type Run,
  RunEvent,
  RunState,
  RunTotals,
  runStateFromJSON,
  runStateToJSON,
  Verb,
  verbFromJSON,
  verbToJSON,
} from "../../proto/gen/luksmith/v1/types.ts";
import { type HistoryFile, historyError, isDamage, openHistoryFile, setAside } from "./history-file.ts";

/** All conditions have to hold; one that is left out always does. */
export interface RunFilter {
  readonly job?: string | undefined;
  readonly volume?: string | undefined;
  /** Those that the asker may see. */
  readonly volumes?: readonly string[] | undefined;
  readonly verb?: Verb | undefined;
  readonly states?: readonly RunState[] | undefined;
  /** Default {@link defaultListed}. */
  readonly limit?: number | undefined;
}

export interface EncodedEvent {
  readonly seq: number;
  readonly bytes: Uint8Array;
}

/** A run that was over before it came into the history. */
export interface PastRun {
  readonly run: Run;
  readonly events: readonly EncodedEvent[];
}

/**
 * A run is kept while it is among the newest 1,000 or younger than 90 days: a machine that is backed up once a week
 * still sees its last years, one that is backed up every ten minutes its last three months. The newest good backup
 * and drill of each job are kept for ever: "when was the last one?" must always have an answer.
 */
const keptRuns = 1000;
const keptMs = 90 * 24 * 3_600_000;
/** Above this the oldest runs go, whatever their age: /var is shared. An ordinary run takes a few KB. */
const fileLimitBytes = 128 * 2 ** 20;
/** The agent should stay small also when it has no disk to write to. */
const memoryLimitBytes = 16 * 2 ** 20;
/** Prunes for room in steps of so many runs. */
const pruneStep = 20;
/** What `luksmith runs` shows when nothing else is asked for. */
export const defaultListed = 20;

/** The same file, for those who keep tables of their own in it. */
export interface HistoryTables {
  /** Why it lives in memory only, if it does. */
  readonly notKeptBecause: LuksmithError | undefined;
  /** It was begun in the place of a damaged one. */
  readonly isReplacement: boolean;
  /** @throws {LuksmithError} as all of these: when the file is damaged or cannot be read or written */
  prepare(sql: string): StatementSync;
  reading<T>(read: () => T): T;
  /** All or nothing, and on the disk when it returns. One may be part of another. */
  writing(write: () => void): void;
}

export class RunStore implements HistoryTables {
  /** Why the history lives in memory only, if it does. */
  readonly notKeptBecause: LuksmithError | undefined;
  /** It was begun in the place of a damaged one. */
  readonly isReplacement: boolean;
  readonly #database: DatabaseSync;
  readonly #path: string | undefined;
  readonly #log: Log;
  readonly #limitBytes: number;
  readonly #queries: Queries;
  #failedSaves = 0;
  #damaged = false;

  /** @throws {LuksmithError} "locked" when another agent has the directory, "config" when a newer program wrote it */
  static open(stateDirectory: string, log: Log): RunStore {
    return new RunStore(openHistoryFile(stateDirectory, log), log);
  }

  private constructor({ database, path, error, isReplacement }: HistoryFile, log: Log) {
    this.#database = database;
    this.#path = path;
    this.notKeptBecause = error;
    this.isReplacement = isReplacement;
    this.#log = log;
    this.#limitBytes = path === undefined ? memoryLimitBytes : fileLimitBytes;
    this.#queries = prepare(database);
  }

  close(): void {
    this.#database.close();
    if (this.#damaged && this.#path !== undefined) {
      this.#log.error({ aside: setAside(this.#path) }, "the history of runs is damaged: moved aside");
    }
  }

  /**
   * Writes a run as it is now (undefined: unchanged) and events of it, all or nothing. Never throws: history must not
   * end a backup. The first failure in a row is logged, the others are counted.
   * @returns whether it is written
   */
  save(runId: string, run: Run | undefined, events: readonly EncodedEvent[]): boolean {
    try {
      // that a run has begun, and how it ended, outlives a power cut; the rest of its log need not wait for the disk
      this.#database.exec(`pragma synchronous = ${run === undefined ? "normal" : "full"}`);
      this.#transaction(() => {
        if (run !== undefined) this.#queries.putRun.run(...rowOf(run));
        for (const { seq, bytes } of events) this.#queries.putEvent.run(runId, seq, bytes);
      });
    } catch (thrown) {
      this.#saveFailed(thrown);
      return false;
    }
    if (this.#failedSaves > 0) {
      this.#log.info({ failed: this.#failedSaves }, "the history of runs is written again");
      this.#failedSaves = 0;
    }
    return true;
  }

  /** Volumes whose past backups are still to be read out of them: {@link recalled}. */
  volumesToRecall(): string[] {
    return this.reading(() => this.#queries.volumesToRecall.all().map((row) => text(row.volume)));
  }

  /** @throws {LuksmithError} when it cannot be written */
  recallLater(volumes: readonly string[]): void {
    this.writing(() => {
      for (const volume of volumes) this.#queries.recallLater.run(volume);
    });
  }

  /**
   * The past runs that a volume tells of; those that are known already stay as they are.
   * @returns how many were not known @throws {LuksmithError} when it cannot be written
   */
  recalled(volume: string, runs: readonly PastRun[]): number {
    let added = 0;
    this.writing(() => {
      for (const { run, events } of runs) {
        if (this.#queries.run.get(run.id) !== undefined) continue;
        this.#queries.putRun.run(...rowOf(run));
        for (const { seq, bytes } of events) this.#queries.putEvent.run(run.id, seq, bytes);
        added += 1;
      }
      this.#queries.isRecalled.run(volume);
    });
    return added;
  }

  get(id: string): Run | undefined {
    return this.reading(() => {
      const row = this.#queries.run.get(id);
      return row === undefined ? undefined : runOf(row);
    });
  }

  /** Ids that begin like this, oldest first, three at most: enough to tell none, one and several apart. */
  /** Oldest first. */
  idsLike(prefix: string, limit: number): string[] {
    return this.reading(() => this.#queries.idsLike.all(prefix, limit).map((row) => text(row.id)));
  }

  newestId(): string | undefined {
    return this.reading(() => {
      const row = this.#queries.newestId.get();
      return row === undefined ? undefined : text(row.id);
    });
  }

  /** Newest first. */
  list(filter: RunFilter): Run[] {
    return this.reading(() =>
      this.#queries.list
        .all({
          job: filter.job ?? null,
          volume: filter.volume ?? null,
          volumes: filter.volumes === undefined ? null : JSON.stringify(filter.volumes),
          verb: filter.verb === undefined ? null : verbToJSON(filter.verb),
          states: filter.states === undefined ? null : JSON.stringify(filter.states.map(runStateToJSON)),
          limit: filter.limit ?? defaultListed,
        })
        .map(runOf),
    );
  }

  /** Events that come after `seq`, in their order. */
  eventsAfter(runId: string, seq: number, limit: number): RunEvent[] {
    return this.reading(() => this.#queries.eventsAfter.all(runId, seq, limit).map((row) => eventOf(row.event)));
  }

  lastEvent(runId: string): RunEvent | undefined {
    return this.reading(() => {
      const row = this.#queries.lastEvent.get(runId);
      return row === undefined ? undefined : eventOf(row.event);
    });
  }

  /** Removes what need not be kept, runs that are under way excepted. Never throws, as save. */
  prune(now: Date): void {
    try {
      this.#queries.pruneOld.run({ kept: keptRuns, before: now.getTime() - keptMs });
      while (this.#usedBytes() > this.#limitBytes) {
        if (this.#queries.pruneOldest.run({ count: pruneStep }).changes === 0) return;
      }
    } catch (thrown) {
      this.#saveFailed(thrown);
    }
  }

  /** What is filled of the file; the rest of it is used before it grows again. */
  #usedBytes(): number {
    const [size, pages, free] = [this.#queries.pageSize, this.#queries.pageCount, this.#queries.freePages].map(
      (query) => Number(Object.values(query.get() ?? {})[0]),
    );
    return (size ?? 0) * ((pages ?? 0) - (free ?? 0));
  }

  #transaction(work: () => void): void {
    if (this.#database.isTransaction) {
      work();
      return;
    }
    this.#database.exec("begin immediate");
    try {
      work();
      this.#database.exec("commit");
    } catch (error) {
      // after some failures SQLite has already rolled back by itself
      if (this.#database.isTransaction) this.#database.exec("rollback");
      throw error;
    }
  }

  #saveFailed(thrown: unknown): void {
    this.#damaged ||= isDamage(thrown);
    this.#failedSaves += 1;
    if (this.#failedSaves > 1) return;
    const error = this.#errorOf(thrown);
    this.#log.error({ err: error, hint: error.hint }, "the history of runs cannot be written; runs go on without it");
  }

  prepare(sql: string): StatementSync {
    return this.reading(() => this.#database.prepare(sql));
  }

  writing(write: () => void): void {
    this.reading(() => {
      // it outlives a power cut; within a transaction the pragma would do nothing
      if (!this.#database.isTransaction) this.#database.exec("pragma synchronous = full");
      this.#transaction(write);
    });
  }

  reading<T>(read: () => T): T {
    try {
      return read();
    } catch (thrown) {
      this.#damaged ||= isDamage(thrown);
      throw this.#errorOf(thrown);
    }
  }

  #errorOf(thrown: unknown): LuksmithError {
    return historyError(thrown, this.#path ?? "memory");
  }
}

type Queries = Readonly<
  Record<
    | "putRun"
    | "putEvent"
    | "run"
    | "idsLike"
    | "newestId"
    | "list"
    | "eventsAfter"
    | "lastEvent"
    | "pruneOld"
    | "pruneOldest"
    | "volumesToRecall"
    | "recallLater"
    | "isRecalled"
    | "pageSize"
    | "pageCount"
    | "freePages",
    StatementSync
  >
>;

function prepare(database: DatabaseSync): Queries {
  const finished = `state <> '${runStateToJSON(RunState.RUNNING)}'`;
  const mayGo = `${finished} and id not in (
    select max(id) from runs
    where verb in ('${verbToJSON(Verb.BACKUP)}', '${verbToJSON(Verb.DRILL)}') and dry_run = 0
      and state in ('${runStateToJSON(RunState.DONE)}', '${runStateToJSON(RunState.INCOMPLETE)}')
    group by verb, volume, job)`;
  return {
    putRun: database.prepare(
      `insert into runs (id, verb, volume, job, snapshot, state, dry_run, started_ms, finished_ms, uid, user_name,
         error_code, error_message, error_hint, summary, totals)
       values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       on conflict (id) do update set snapshot = excluded.snapshot, state = excluded.state,
         finished_ms = excluded.finished_ms, error_code = excluded.error_code, error_message = excluded.error_message,
         error_hint = excluded.error_hint, summary = excluded.summary, totals = excluded.totals`,
    ),
    putEvent: database.prepare("insert into events (run_id, seq, event) values (?, ?, ?)"),
    run: database.prepare("select * from runs where id = ?"),
    idsLike: database.prepare("select id from runs where id glob ? || '*' order by id limit ?"),
    newestId: database.prepare("select id from runs order by id desc limit 1"),
    list: database.prepare(
      `select * from runs
       where ($job is null or job = $job)
         and ($volume is null or volume = $volume)
         and ($volumes is null or volume in (select value from json_each($volumes)))
         and ($verb is null or verb = $verb)
         and ($states is null or state in (select value from json_each($states)))
       order by id desc limit $limit`,
    ),
    eventsAfter: database.prepare("select event from events where run_id = ? and seq > ? order by seq limit ?"),
    lastEvent: database.prepare("select event from events where run_id = ? order by seq desc limit 1"),
    pruneOld: database.prepare(
      `delete from runs where ${mayGo} and started_ms < $before
         and id < (select id from runs order by id desc limit 1 offset $kept - 1)`,
    ),
    pruneOldest: database.prepare(
      `delete from runs where id in (select id from runs where ${mayGo} order by id limit $count)`,
    ),
    volumesToRecall: database.prepare("select volume from volumes_to_recall order by volume"),
    recallLater: database.prepare("insert or ignore into volumes_to_recall (volume) values (?)"),
    isRecalled: database.prepare("delete from volumes_to_recall where volume = ?"),
    pageSize: database.prepare("pragma page_size"),
    pageCount: database.prepare("pragma page_count"),
    freePages: database.prepare("pragma freelist_count"),
  };
}

function rowOf(run: Run): (string | number | null)[] {
  return [
    run.id,
    verbToJSON(run.verb),
    run.volume,
    run.job,
    run.snapshot,
    runStateToJSON(run.state),
    run.dryRun ? 1 : 0,
    run.startedAt?.getTime() ?? 0,
    run.finishedAt?.getTime() ?? null,
    run.caller?.uid ?? 0,
    run.caller?.name ?? "",
    run.error?.code ?? null,
    run.error?.message ?? null,
    run.error?.hint ?? null,
    run.summary,
    JSON.stringify(RunTotals.toJSON(run.totals ?? RunTotals.create())),
  ];
}

type Row = Record<string, SQLOutputValue>;

function runOf(row: Row): Run {
  const state = runStateFromJSON(text(row.state));
  return {
    id: text(row.id),
    verb: verbFromJSON(text(row.verb)),
    volume: text(row.volume),
    job: text(row.job),
    snapshot: text(row.snapshot),
    state,
    dryRun: row.dry_run === 1,
    startedAt: new Date(Number(row.started_ms)),
    finishedAt: row.finished_ms === null ? undefined : new Date(Number(row.finished_ms)),
    caller: { uid: Number(row.uid), name: text(row.user_name) },
    error:
      row.error_code === null
        ? undefined
        : { code: text(row.error_code), message: text(row.error_message), hint: text(row.error_hint) },
    summary: text(row.summary),
    totals: state === RunState.RUNNING ? undefined : RunTotals.fromJSON(JSON.parse(text(row.totals))),
    retry: undefined,
  };
}

function eventOf(value: SQLOutputValue | undefined): RunEvent {
  if (!(value instanceof Uint8Array)) throw new Error("an event is no bytes");
  return RunEvent.decode(value);
}

function text(value: SQLOutputValue | undefined): string {
  return typeof value === "string" ? value : "";
}
