/**
 * What the engine knows, kept where no power cut reaches it: which step it is at, what the snapshots have to be, how runs
 * ended so far. /out is written through.
 */

import { appendFileSync, existsSync } from "node:fs";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { emptyModel, type JobModel } from "./model.ts";
import type { Job } from "./plan.ts";
import type { TreeRecord } from "./tree-record.ts";

const directory = "/out/engine";
const stateFile = join(directory, "state.json");

/** A run that was under way when the power went. */
export interface RunUnderWay {
  readonly id: string;
  readonly job: Job;
}

export interface JournalState {
  readonly seed: string;
  readonly beganMs: number;
  step: number;
  /** Of this step, when its fault was a power cut. */
  underWay: RunUnderWay[] | undefined;
  models: Record<Job, JobModel>;
  /** The record of each source as it is now. */
  sources: Record<Job, string>;
  /** MiB. */
  sizes: Record<Job, number>;
  /** Jobs to which something has happened since their last undisturbed backup. */
  unsettled: Job[];
  /** "unplug: FAILED lost" and how often. */
  tallies: Record<string, number>;
  faults: number;
  missed: number;
}

export class Journal {
  readonly state: JournalState;

  static async open(seed: string, sizeMiB: number): Promise<Journal> {
    await mkdir(join(directory, "trees"), { recursive: true });
    if (existsSync(stateFile)) return new Journal(JSON.parse(await readFile(stateFile, "utf8")));
    return new Journal({
      seed,
      beganMs: Date.now(),
      step: 0,
      underWay: undefined,
      models: { a: emptyModel, b: emptyModel },
      sources: { a: "", b: "" },
      sizes: { a: sizeMiB, b: sizeMiB },
      unsettled: ["a", "b"],
      tallies: {},
      faults: 0,
      missed: 0,
    });
  }

  private constructor(state: JournalState) {
    this.state = state;
  }

  async save(): Promise<void> {
    await writeFile(`${stateFile}.new`, JSON.stringify(this.state));
    await rename(`${stateFile}.new`, stateFile);
  }

  /** For whoever watches, and for later. */
  say(line: string): void {
    appendFileSync(join(directory, "log"), `${line}\n`);
    process.stdout.write(`${line}\n`);
  }

  /** Of the engine's log alone. */
  note(line: string): void {
    appendFileSync(join(directory, "log"), `${line}\n`);
  }

  async keepRecord(name: string, record: TreeRecord): Promise<void> {
    await writeFile(join(directory, "trees", name), record.map((line) => `${line}\n`).join(""));
  }

  readonly recordNamed = async (name: string): Promise<TreeRecord> => {
    return (await readFile(join(directory, "trees", name), "utf8")).split("\n").slice(0, -1);
  };

  count(fault: string, outcomes: readonly string[]): void {
    for (const outcome of outcomes) {
      const key = `${fault}: ${outcome}`;
      this.state.tallies[key] = (this.state.tallies[key] ?? 0) + 1;
    }
  }
}
