/**
 * The audit log: every decision about a call from the socket, allowed or refused, and every run that came of one. Below
 * the state directory, for root alone; the oldest of it goes when it has reached its size, so that nobody fills the disk by
 * asking.
 */

import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { Clock } from "../../common/clock.ts";
import type { Log } from "../../common/log.ts";
import type { Run } from "../../proto/gen/luksmith/v1/types.ts";
import { verbWords } from "../runs/run-outcome.ts";
import { type AuditEntry, auditLine, parseAuditLine } from "./entry.ts";
import { LineFiles, type LineFilesLimits } from "./line-files.ts";

/** 64 MiB, some 200,000 decisions: a year of a busy machine, and no burden for the disk of a small one. */
const limits: LineFilesLimits = { fileBytes: 4 * 2 ** 20, fullFiles: 15 };
/** The log is told again that lines are lost. */
const complainEveryMs = 60_000;

/** What a decision says of the caller and of what was asked for. */
export type Decided = Omit<AuditEntry, "time" | "id">;

/** The decision that a run goes back to. */
export interface Granted {
  readonly id: string;
  readonly verb: string;
  readonly pid: number;
}

export interface AuditFilter {
  /** A name, or a uid. */
  readonly user?: string;
  readonly verb?: string;
  readonly refusedOnly?: boolean;
  readonly since?: Date;
  /** The newest so many. Default: all. */
  readonly limit?: number;
}

export interface AuditReading {
  /** Oldest first. */
  readonly entries: readonly AuditEntry[];
  /** Lines that are damaged. */
  readonly unreadable: number;
}

export class AuditLog {
  readonly #files: LineFiles;
  readonly #clock: Clock;
  readonly #log: Log;
  #fault: { readonly error: unknown; readonly complainedMs: number } | undefined;

  constructor(stateDir: string, clock: Clock, log: Log, filesLimits: LineFilesLimits = limits) {
    this.#files = new LineFiles(join(stateDir, "audit"), filesLimits);
    this.#clock = clock;
    this.#log = log;
  }

  get path(): string {
    return this.#files.path;
  }

  /** Why the last line could not be written; undefined when it was. */
  get fault(): unknown {
    return this.#fault?.error;
  }

  /**
   * @returns the decision's id
   * @throws what the file system says when it cannot be written down
   */
  decided(decided: Decided): string {
    const id = randomBytes(6).toString("hex");
    this.#append({ ...decided, time: this.#clock.now(), id });
    return id;
  }

  /** The run is there, and the decision is on record: what fails here is told to the log alone. */
  started(run: Run, granted: Granted | undefined): void {
    try {
      this.#append({
        time: this.#clock.now(),
        decision: "started",
        id: granted?.id ?? "",
        uid: run.caller?.uid ?? null,
        user: run.caller?.name ?? "",
        pid: granted?.pid ?? null,
        verb: granted?.verb ?? verbWords(run.verb),
        volume: run.volume,
        job: run.job,
        run: run.id,
        sources: [],
        reason: "",
      });
    } catch {
      // complained of already
    }
  }

  /** What was decided is on the disk when this returns. @throws as {@link decided} */
  flush(): void {
    this.#files.flush();
  }

  close(): void {
    this.#files.close();
  }

  /**
   * Oldest first, a file's worth at a time: what is asked for may be everything that there is.
   * @throws what the file system says
   */
  async *read(filter: AuditFilter): AsyncGenerator<AuditReading, void> {
    const { limit } = filter;
    if (limit === undefined) {
      for (const lines of this.#files.read("oldest")) yield await fittingOf(lines, filter);
      return;
    }
    const found: AuditReading[] = [];
    let missing = limit;
    for (const lines of this.#files.read("newest")) {
      const { entries, unreadable } = await fittingOf(lines, filter);
      const newest = entries.slice(-missing);
      missing -= newest.length;
      found.push({ entries: newest, unreadable });
      if (missing === 0) break;
    }
    yield* found.toReversed();
  }

  #append(entry: AuditEntry): void {
    try {
      this.#files.append(auditLine(entry));
    } catch (error) {
      this.#complain(error);
      throw error;
    }
    if (this.#fault !== undefined) this.#log.info({ file: this.path }, "decisions are written down again");
    this.#fault = undefined;
  }

  #complain(error: unknown): void {
    const now = this.#clock.monotonicMs();
    const last = this.#fault?.complainedMs;
    const isDue = last === undefined || now - last >= complainEveryMs;
    if (isDue)
      this.#log.error({ err: error, file: this.path }, "decisions cannot be written down: only root is served");
    this.#fault = { error, complainedMs: isDue ? now : last };
  }
}

async function fittingOf(lines: AsyncIterable<string>, filter: AuditFilter): Promise<AuditReading> {
  const entries: AuditEntry[] = [];
  let unreadable = 0;
  for await (const line of lines) {
    const entry = parseAuditLine(line);
    if (entry === undefined) unreadable += 1;
    else if (fits(entry, filter)) entries.push(entry);
  }
  return { entries, unreadable };
}

function fits(entry: AuditEntry, { user, verb, refusedOnly = false, since }: AuditFilter): boolean {
  return (
    (user === undefined || entry.user === user || `${entry.uid}` === user) &&
    (verb === undefined || entry.verb === verb) &&
    (!refusedOnly || entry.decision === "refused") &&
    (since === undefined || entry.time >= since)
  );
}
