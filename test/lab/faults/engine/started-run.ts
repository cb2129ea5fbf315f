/** A run that was started: what step it is in, and how it ends. */

import { LuksmithError } from "../../../../common/errors.ts";
import { type Run, RunState, runStateToJSON } from "../../../../proto/gen/luksmith/v1/types.ts";
import type { LabAgent } from "../../harness/lab-agent.ts";
import type { Outcome } from "./outcome.ts";
import type { Job } from "./plan.ts";

/** Not what a verb is there for. */
const otherSteps = new Set(["connect", "unlock", "mount", "seal", "detach"]);

export class StartedRun {
  readonly id: string;
  readonly job: Job;
  /** Undefined when the agent went away first. */
  readonly ended: Promise<Run | undefined>;
  readonly #began = new Set<string>();
  readonly #waiting = new Map<string, () => void>();
  /** Steps and notes, as they came. */
  readonly story: string[] = [];

  constructor(agent: LabAgent, id: string, job: Job) {
    this.id = id;
    this.job = job;
    this.ended = agent
      .follow(id, ({ kind }) => {
        if (kind?.$case === "note" || kind?.$case === "warning")
          this.story.push(`${kind.$case}: ${kind.value.message}`);
        if (kind?.$case === "attemptFailed") this.story.push(`attempt failed: ${kind.value.retry?.error?.code}`);
        if (kind?.$case !== "stepBegan") return;
        const { step } = kind.value;
        this.story.push(step);
        this.#begin(step);
        if (!otherSteps.has(step)) this.#begin("work");
      })
      .then(
        ({ run }) => run,
        (error: Error) => {
          this.story.push(`not followed any longer: ${error.message}`);
          return undefined;
        },
      );
  }

  /** Resolves when it has begun; never, when it does not. */
  stepBegan(step: string): Promise<void> {
    if (this.#began.has(step)) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.set(step, resolve));
  }

  #begin(step: string): void {
    this.#began.add(step);
    this.#waiting.get(step)?.();
  }
}

export function outcomeOf(run: Run | undefined): Outcome {
  if (run === undefined) return "UNKNOWN";
  const state = runStateToJSON(run.state).replace("RUN_STATE_", "");
  return run.state === RunState.FAILED ? `${state} ${run.error?.code}` : state;
}

/** What another agent knows of a run. */
export async function runOf(agent: LabAgent, id: string): Promise<Run | undefined> {
  try {
    return (await agent.follow(id)).run;
  } catch (error) {
    if (error instanceof LuksmithError && error.code === "not_found") return undefined;
    throw error;
  }
}
