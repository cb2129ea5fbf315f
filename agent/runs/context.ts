/** What a verb sees of the run it is part of: where to say what it does, and the signal that ends it. */

import type { Caller, Item, Progress, Run, RunTotals } from "../../proto/gen/luksmith/v1/types.ts";
import type { Granted } from "../audit/audit-log.ts";
import type { RetryPolicy } from "./retry.ts";

export type NewItem = Omit<Item, "reason"> & Partial<Pick<Item, "reason">>;

export interface RunContext {
  readonly runId: string;
  readonly caller: Caller;
  /** Aborted by `cancel`, by the agent's stop; its reason is a LuksmithError. */
  readonly signal: AbortSignal;
  /** Aborted when it has been asked to end for the second time: what it still waits for politely is broken. */
  readonly hurry: AbortSignal;
  /** Runs `work` between StepBegan and StepEnded; a failed step carries its error, which is thrown on. */
  step<T>(name: string, work: () => Promise<T>): Promise<T>;
  /** Cheap: may be called for every line a tool prints; the run manager thins it out. */
  progress(progress: Progress): void;
  /** `path` is the file's name as on disk, where the warning is about one file. */
  warn(message: string, path?: Uint8Array): void;
  note(message: string): void;
  /** The first 10,000 are kept, the rest only counted. */
  item(item: NewItem): void;
  /** Whether the run will try again after having failed like this. */
  willTryAgain(thrown: unknown): boolean;
}

/** What a verb returns. Failure is a thrown LuksmithError; "cancelled" among them. */
export interface RunResult {
  readonly state: "done" | "incomplete" | "skipped";
  readonly summary: string;
  readonly snapshot?: string;
  readonly totals?: Partial<RunTotals>;
}

/** Called once for each attempt. */
export type RunWork = (context: RunContext) => Promise<RunResult>;

/** Who asked for a run, and the decision that granted it; none for what the agent does by itself. */
export interface Requester extends Caller {
  readonly granted?: Granted;
  /** Of which runs they may know. Default: of all. */
  readonly sees?: (run: Run) => boolean;
}

/** What is known of a run before it starts. */
export interface RunRequest {
  readonly verb: Run["verb"];
  readonly volume: string;
  readonly job?: string;
  readonly dryRun?: boolean;
  readonly caller: Requester;
  /** Default: it does not try again. */
  readonly retry?: RetryPolicy;
  /** From its start to its end. Default: as long as it takes. */
  readonly deadlineMs?: number;
  /** Told of the run before it is on record, and before anything of it happens. When it throws there is no run. */
  readonly registered?: (run: Run) => void;
}
