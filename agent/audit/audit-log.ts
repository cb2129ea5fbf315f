/**
 * The audit log: every decision about a call from the socket, allowed or refused, and every run that came of one. Below
 * the state directory, for root alone; the oldest of it goes when it has reached its size, so that nobody fills the disk by
 * asking. Nor does anybody push the lines of others out by that: of those who ask for very much, what changes nothing is
 * counted in the end instead of being written down one by one.
 */

import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { Clock } from "../../common/clock.ts";
import { LuksmithError } from "../../common/errors.ts";
import type { Log } from "../../common/log.ts";
import type { Run } from "../../proto/gen/luksmith/v1/types.ts";
import { verbWords } from "../runs/run-outcome.ts";
import { CountedLines } from "./counted-lines.ts";
import { type AuditEntry, auditLine, parseAuditLine } from "./entry.ts";
import { type AllowanceSize, LineAllowance } from "./line-allowance.ts";
import { LineFiles, type LineFilesLimits } from "./line-files.ts";

/** 64 MiB, some 200,000 decisions: a year of a busy machine, and no burden for the disk of a small one. */
const limits: LineFilesLimits = { fileBytes: 4 * 2 ** 20, fullFiles: 15 };
/**
 * Of each user but root, for either weight. Some thousand lines at once and two thousand a day are more than a person needs; and one user
 * alone would take two months to fill the log.
 */
const allowance: AllowanceSize = { bytes: 2 ** 18, bytesPerDay: 2 ** 19 };
/** What was only counted is written down so often; a kill of the agent loses it. */
const countedForMs = 3_600_000;
/** The log is told again that lines are lost. */
const complainEveryMs = 60_000;
/** Whose line it is when the kernel did not say. */
const nobody = -1;

/** What a decision says of the caller and of what was asked for. */
export type Decided = Omit<AuditEntry, "time" | "id">;

/** "changes": it is allowed and changes something, so it does not go on without a line of its own. */
export type LineWeight = "changes" | "looks";

/** The decision that a run goes back to. */
export interface Granted {
  readonly id: string;
  readonly verb: string;
  readonly pid: number;
  readonly weight: LineWeight;
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
  readonly #allowances: Record<LineWeight, LineAllowance>;
  readonly #counted = new CountedLines();
  readonly #closed = new AbortController();
  #fault: { readonly error: unknown; readonly complainedMs: number } | undefined;

  constructor(stateDir: string, clock: Clock, log: Log, filesLimits: LineFilesLimits = limits) {
    this.#files = new LineFiles(join(stateDir, "audit"), filesLimits);
    this.#clock = clock;
    this.#log = log;
    this.#allowances = { changes: new LineAllowance(clock, allowance), looks: new LineAllowance(clock, allowance) };
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
   * @throws what the file system says when it cannot be written down; {@link LuksmithError} "locked" for what changes something, when
   *   the user has had as much written down as one may
   */
  decided(decided: Decided, weight: LineWeight): string {
    const id = randomBytes(6).toString("hex");
    this.#record({ ...decided, time: this.#clock.now(), id }, weight);
    return id;
  }

  /** The run is there, and the decision is on record: what fails here is told to the log alone. */
  started(run: Run, granted: Granted | undefined): void {
    try {
      const entry: AuditEntry = {
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
      };
      // of what changes something there are no more than decisions
      if (granted?.weight === "looks") this.#record(entry, "looks");
      else this.#append(entry);
    } catch {
      // complained of already
    }
  }

  /** What was decided is on the disk when this returns. @throws as {@link decided} */
  flush(): void {
    this.#files.flush();
  }

  close(): void {
    this.#closed.abort();
    this.#writeCounted();
    this.#files.close();
  }

  /**
   * Oldest first, a file's worth at a time: what is asked for may be everything that there is.
   * @throws what the file system says
   */
  async *read(filter: AuditFilter): AsyncGenerator<AuditReading, void> {
    const { limit } = filter;
    const counted = this.#counted.lines().filter((entry) => fits(entry, filter));
    if (limit === undefined) {
      for (const lines of this.#files.read("oldest")) yield await fittingOf(lines, filter);
      if (counted.length > 0) yield { entries: counted, unreadable: 0 };
      return;
    }
    const newestCounted = counted.slice(-limit);
    const found: AuditReading[] = newestCounted.length === 0 ? [] : [{ entries: newestCounted, unreadable: 0 }];
    let missing = limit - newestCounted.length;
    for (const lines of missing === 0 ? [] : this.#files.read("newest")) {
      const { entries, unreadable } = await fittingOf(lines, filter);
      const newest = entries.slice(-missing);
      missing -= newest.length;
      found.push({ entries: newest, unreadable });
      if (missing === 0) break;
    }
    yield* found.toReversed();
  }

  /** Root's are always written down. @throws as {@link decided} */
  #record(entry: AuditEntry, weight: LineWeight): void {
    const { uid, user } = entry;
    const bytes = Buffer.byteLength(auditLine(entry));
    // when nothing can be written, whoever is not root is not to go on uncounted
    if (uid === 0 || this.#fault !== undefined || this.#allowances[weight].take(uid ?? nobody, bytes)) {
      this.#append(entry);
      return;
    }
    if (weight === "changes") {
      throw new LuksmithError("locked", `${user} has asked for more than is written down of one user in a day`, {
        hint: "wait: of what changes something, every request has its line in the audit log",
      });
    }
    if (this.#counted.isEmpty) this.#writeCountedLater();
    this.#counted.add(entry);
  }

  #writeCountedLater(): void {
    const write = () => this.#writeCounted();
    this.#clock.sleep(countedForMs, this.#closed.signal).then(write, () => undefined);
  }

  #writeCounted(): void {
    try {
      for (const entry of this.#counted.lines()) this.#append(entry);
    } catch {
      // complained of already
    }
    this.#counted.clear();
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
