/**
 * What this machine knows of a job's unfinished snapshots, in its state directory: of which selection each is, and how much of
 * it has certainly reached the backup host's disk. What is not known of here is not used. A finished one stays known under
 * its former name, for as long as new ones are linked to it.
 */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import type { Clock } from "../../common/clock.ts";
import { writeFileDurably } from "../../common/durable-file.ts";
import type { JobConfig } from "../config/job.ts";
import { selectionDigest } from "./selection.ts";

/** A copy may be written out many times in a second. */
const keptEveryMs = 1000;

const milliseconds = z.number().nonnegative();

const stateSchema = z.strictObject({
  selection: z.string(),
  /** By this machine's clock, as all times here: nothing in it was made before, but what it shares. */
  begunMs: milliseconds,
  /** What had been written by then is on the backup host's disk. */
  settledMs: milliseconds.optional(),
  /** All that is in it has been looked through, is on the disk, and is only read from now on. */
  isClosed: z.boolean(),
});

const fileSchema = z.strictObject({ format: z.literal(1), partials: z.record(z.string(), stateSchema) });

export type PartialState = z.infer<typeof stateSchema>;

export class PartialStates {
  readonly #path: string;
  readonly #selection: string;
  readonly #clock: Clock;
  readonly #states: Map<string, PartialState>;
  #keptMs = Number.NEGATIVE_INFINITY;
  #writing: Promise<void> = Promise.resolve();

  /** @param names directories in the volume; the others are forgotten */
  static async read(stateDir: string, job: JobConfig, clock: Clock, names: readonly string[]): Promise<PartialStates> {
    const path = join(stateDir, "partials", job.name);
    const all = await readStates(path);
    const known = names.flatMap((name) => {
      const state = all[name];
      return state === undefined ? [] : ([[name, state]] as const);
    });
    return new PartialStates(path, job, clock, new Map(known));
  }

  private constructor(path: string, job: JobConfig, clock: Clock, states: Map<string, PartialState>) {
    this.#path = path;
    this.#selection = selectionDigest(job);
    this.#clock = clock;
    this.#states = states;
  }

  of(name: string): PartialState | undefined {
    return this.#states.get(name);
  }

  /** Only a run that takes the same goes on with it in place. */
  isOfSameSelection(name: string): boolean {
    return this.of(name)?.selection === this.#selection;
  }

  /** One that is about to be made, empty or out of another one. */
  begin(name: string, from?: string): Promise<void> {
    const empty = { selection: this.#selection, begunMs: this.#clock.now().getTime(), isClosed: false };
    this.#states.set(name, { ...((from === undefined ? undefined : this.of(from)) ?? empty), isClosed: false });
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
    if (this.#clock.monotonicMs() - this.#keptMs >= keptEveryMs) this.#keep().catch(() => undefined);
  }

  /** What {@link settleSoon} has begun to keep is kept, or could not be. */
  idle(): Promise<void> {
    return this.#writing;
  }

  close(names: readonly string[]): Promise<void> {
    for (const name of names) this.#change(name, { isClosed: true });
    return this.#keep();
  }

  #change(name: string, change: Partial<PartialState>): void {
    const state = this.of(name);
    if (state !== undefined) this.#states.set(name, { ...state, ...change });
  }

  /** One after the other. */
  #keep(): Promise<void> {
    this.#keptMs = this.#clock.monotonicMs();
    const write = () => {
      const file: z.infer<typeof fileSchema> = { format: 1, partials: Object.fromEntries(this.#states) };
      return writeFileDurably(this.#path, `${JSON.stringify(file)}\n`, 0o600);
    };
    const written = this.#writing.then(write);
    this.#writing = written.catch(() => undefined);
    return written;
  }
}

async function readStates(path: string): Promise<Record<string, PartialState>> {
  try {
    return fileSchema.parse(JSON.parse(await readFile(path, "utf8"))).partials;
  } catch {
    // none, or one that nobody understands: then nothing is known
    return {};
  }
}
