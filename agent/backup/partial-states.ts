/**
 * What is known of a job's unfinished snapshots: of which selection each is, and how much of it has certainly reached the backup
 * host's disk. It is kept in this machine's state directory. How far the host has come is written down in the volume as well, and
 * the older of the two counts: the host's disk may have gone back to what it was.
 *
 * What is not known of here is not used. The newest finished snapshot stays known under its former name: the next one is linked to
 * it.
 */

import { dirname, join } from "node:path";
import * as z from "zod";
import type { Clock } from "../../common/clock.ts";
import { writeFileDurably } from "../../common/durable-file.ts";
import { type Exec, mustRun } from "../../common/exec.ts";
import { readIfThere } from "../../common/if-there.ts";
import type { JobConfig } from "../config/job.ts";
import { newestFinished, type SnapshotEntry } from "../snapshots/entries.ts";
import { partialName } from "../snapshots/name.ts";
import { volumeDeadlineMs } from "../tools/deadlines.ts";
import { ownDirectory } from "../volume/identity.ts";
import { selectionDigest } from "./selection.ts";

/** A copy may be written out many times in a second. */
const keptEveryMs = 1000;

/** One block of the file system, written over in place: the file is the old or the new one. */
const volumeFileBytes = 4096;

const milliseconds = z.number().nonnegative();

const reachSchema = z.strictObject({
  /** What had been written by then is on the backup host's disk. By this machine's clock, as all times here. */
  settledMs: milliseconds.optional(),
  /** All that is in it has been looked through, is on the disk, and is only read from now on. */
  isClosed: z.boolean(),
  /**
   * Of one in a subvolume: inodes with a lower number were there before it was begun, or were looked through when it was gone on with
   * for the last time. What is written into them is on disk before they look like what they are to become (see subvolume-copy.ts).
   */
  firstInode: z.int().positive().optional(),
});

const stateSchema = reachSchema.extend({
  selection: z.string(),
  /** Nothing in it was made before, but what it shares. */
  begunMs: milliseconds,
});

const fileSchema = z.strictObject({ format: z.literal(1), partials: z.record(z.string(), stateSchema) });
const volumeFileSchema = z.strictObject({ format: z.literal(1), partials: z.record(z.string(), reachSchema) });

export type PartialState = z.infer<typeof stateSchema>;
type Reach = z.infer<typeof reachSchema>;

export interface PartialStatesSpec {
  readonly exec: Exec;
  readonly clock: Clock;
  readonly stateDir: string;
  /** Where the volume is mounted, as long as the signal is not aborted. */
  readonly filesDir: string;
  readonly signal: AbortSignal;
}

export class PartialStates {
  readonly #spec: PartialStatesSpec;
  readonly #path: string;
  readonly #volumePath: string;
  readonly #selection: string;
  readonly #states: Map<string, PartialState>;
  #keptMs = Number.NEGATIVE_INFINITY;
  #writing: Promise<void> = Promise.resolve();

  /** @param entries what is in the job's directory, oldest first; nothing else stays known */
  static async read(
    spec: PartialStatesSpec,
    job: JobConfig,
    entries: readonly Pick<SnapshotEntry, "name" | "partial" | "misdated">[],
  ): Promise<PartialStates> {
    const path = join(spec.stateDir, "partials", job.name);
    const volumePath = join(ownDirectory(spec.filesDir), "partials", job.name);
    const here = await readHere(path);
    const newest = newestFinished(entries);
    const known = entries
      .filter((entry) => entry.partial || entry === newest)
      .flatMap(({ name, partial }) => {
        const state = here[partialName(name)];
        return state === undefined ? [] : [{ name: partialName(name), partial, state }];
      });
    // of a finished one nobody asks how far it has reached
    const there = known.some(({ partial }) => partial) ? await readThere(spec, volumePath) : {};
    const states = known.map(({ name, state }) => [name, { ...state, ...older(state, there[name]) }] as const);
    return new PartialStates(spec, { path, volumePath }, job, new Map(states));
  }

  private constructor(
    spec: PartialStatesSpec,
    { path, volumePath }: { path: string; volumePath: string },
    job: JobConfig,
    states: Map<string, PartialState>,
  ) {
    this.#spec = spec;
    this.#path = path;
    this.#volumePath = volumePath;
    this.#selection = selectionDigest(job);
    this.#states = states;
  }

  of(name: string): PartialState | undefined {
    return this.#states.get(name);
  }

  /** Only a run that takes the same goes on with it in place. */
  isOfSameSelection(name: string): boolean {
    return this.of(name)?.selection === this.#selection;
  }

  /** How long it had been written to; undefined when nothing is known of it. */
  workedMs(name: string): number | undefined {
    const state = this.of(name);
    return state && Math.max(0, (state.settledMs ?? 0) - state.begunMs);
  }

  /** One that is about to be made, empty or out of another one. */
  begin(name: string, from?: string): Promise<void> {
    const known = (from === undefined ? undefined : this.of(from)) ?? { begunMs: this.#spec.clock.now().getTime() };
    this.#states.set(name, { ...known, selection: this.#selection, isClosed: false });
    // what is known of it in the volume is known by its new name, too, before it has that
    return from === undefined ? this.#then(() => this.#keepHere()) : this.#keep();
  }

  /** One in a subvolume: everything of which the number is lower can be relied on. */
  relyBelow(name: string, firstInode: number): Promise<void> {
    this.#change(name, { firstInode });
    return this.#keep();
  }

  /** @param beganMs what was written later need not be on the disk */
  settle(name: string, beganMs: number): Promise<void> {
    this.#change(name, { settledMs: beganMs });
    return this.#keep();
  }

  /** As {@link settle}, while a copy goes on: nobody waits for it, and what is not kept costs only time later. */
  settleSoon(name: string, beganMs: number): void {
    this.#change(name, { settledMs: beganMs });
    if (this.#spec.clock.monotonicMs() - this.#keptMs >= keptEveryMs) this.#keep().catch(() => undefined);
  }

  /** What {@link settleSoon} has begun to keep is kept, or could not be. */
  idle(): Promise<void> {
    return this.#writing;
  }

  close(names: readonly string[]): Promise<void> {
    for (const name of names) this.#change(name, { isClosed: true });
    return this.#keep();
  }

  /** Nothing of that name is to be gone on with, whatever is left of it. */
  forget(name: string): Promise<void> {
    this.#states.delete(name);
    // also of one that was not read because it was finished: there is a line about it from when it was not
    return this.#then(() => this.#keepHere());
  }

  #change(name: string, change: Partial<PartialState>): void {
    const state = this.of(name);
    if (state !== undefined) this.#states.set(name, { ...state, ...change });
  }

  #keep(): Promise<void> {
    this.#keptMs = this.#spec.clock.monotonicMs();
    return this.#then(async () => {
      await this.#keepHere();
      // in a volume that is full, or lost, it stays what it was
      await this.#keepThere().catch(() => undefined);
    });
  }

  /** One after the other. */
  #then(write: () => Promise<void>): Promise<void> {
    const written = this.#writing.then(write);
    this.#writing = written.catch(() => undefined);
    return written;
  }

  #keepHere(): Promise<void> {
    const file: z.infer<typeof fileSchema> = { format: 1, partials: Object.fromEntries(this.#states) };
    return writeFileDurably(this.#path, `${JSON.stringify(file)}\n`, 0o600);
  }

  async #keepThere(): Promise<void> {
    const { exec, signal } = this.#spec;
    const partials = Object.fromEntries(
      [...this.#states].map(([name, { settledMs, isClosed, firstInode }]) => [
        name,
        { settledMs, isClosed, firstInode },
      ]),
    );
    const text = JSON.stringify({ format: 1, partials });
    const write = {
      file: "dd",
      args: [`of=${this.#volumePath}`, "conv=notrunc", `bs=${volumeFileBytes}`, "iflag=fullblock", "status=none"],
      stdin: text.padEnd(volumeFileBytes),
      brief: true,
      deadlineMs: volumeDeadlineMs,
      signal,
    };
    if ((await exec(write)).exitCode === 0) return;
    // the first of all
    const args = ["--parents", "--mode=0700", "--", dirname(this.#volumePath)];
    await mustRun(exec, { file: "mkdir", args, brief: true, deadlineMs: volumeDeadlineMs, signal });
    await mustRun(exec, write);
  }
}

/** Pure. What both say. */
function older(here: Reach, there: Reach | undefined): Reach {
  return {
    settledMs: lower(here.settledMs, there?.settledMs),
    isClosed: here.isClosed && there?.isClosed === true,
    firstInode: lower(here.firstInode, there?.firstInode),
  };
}

function lower(here: number | undefined, there: number | undefined): number | undefined {
  return here === undefined || there === undefined ? undefined : Math.min(here, there);
}

/** @throws when it is there and cannot be read: what is not known is removed, which must not come of a passing failure */
async function readHere(path: string): Promise<Record<string, PartialState>> {
  const text = await readIfThere(path);
  return text === undefined ? {} : (parse(fileSchema, text)?.partials ?? {});
}

async function readThere({ exec, signal }: PartialStatesSpec, path: string): Promise<Record<string, Reach>> {
  const read = await exec({ file: "cat", args: ["--", path], brief: true, deadlineMs: volumeDeadlineMs, signal });
  return (read.exitCode === 0 ? parse(volumeFileSchema, read.stdout.toString())?.partials : undefined) ?? {};
}

function parse<T>(schema: z.ZodType<T>, text: string): T | undefined {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
