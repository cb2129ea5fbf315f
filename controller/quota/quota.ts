/** How much of what one machine reports is kept: one that floods the controller, broken or taken over, costs the others nothing. Pure. */

import { RunState, runStateToJSON, Verb, verbToJSON } from "../../proto/gen/luksmith/v1/types.ts";
import type { Usage } from "../store/usage.ts";

/** Of each machine. */
export interface Quota {
  readonly eventBytes: number;
  readonly runs: number;
}

/** On the machine, as operators see it; the same words each time. */
export const quotaNotice = "it has reported more than is kept for one machine: the oldest was removed";

/** What is removed is more than what is too much: it is not to be looked through for each message that comes. */
const left = 0.9;
/** Of different kinds: those of a machine that invents them must go as well. A machine has a thousand jobs at most. */
const mostKinds = 2000;

export function isBeyond({ eventBytes, runs }: Omit<Usage, "machineId">, quota: Quota): boolean {
  return eventBytes > quota.eventBytes || runs > quota.runs;
}

/** How many bytes of events are to go; 0: none. */
export function bytesTooMany({ eventBytes }: Pick<Usage, "eventBytes">, quota: Quota): number {
  return eventBytes > quota.eventBytes ? Math.ceil(eventBytes - quota.eventBytes * left) : 0;
}

export interface RunHead {
  readonly runId: string;
  readonly verb: string;
  readonly job: string;
  readonly volume: string;
  readonly state: string;
  readonly startedMs: number;
}

const running = runStateToJSON(RunState.RUNNING);
const backup = verbToJSON(Verb.BACKUP);
const goodStates = [RunState.DONE, RunState.INCOMPLETE].map(runStateToJSON);

/**
 * Which runs of a machine are to go, the oldest. How each kind of run ended last stays, and the last good backup of each job: by these
 * it is decided what is an alarm.
 * @param runs all of the machine's
 * @param told ids of those that its jobs are judged by
 */
export function runsTooMany(runs: readonly RunHead[], told: ReadonlySet<string>, quota: Quota): RunHead[] {
  if (runs.length <= quota.runs) return [];
  const newestFirst = runs.toSorted((a, b) => b.startedMs - a.startedMs || (a.runId < b.runId ? 1 : -1));
  const kinds = new Set<string>();
  const others = newestFirst.filter((run) => {
    if (told.has(run.runId)) return false;
    if (kinds.size >= mostKinds) return true;
    const news = kindsOf(run).filter((kind) => !kinds.has(kind));
    for (const kind of news) kinds.add(kind);
    return news.length === 0;
  });
  const kept = Math.max(0, Math.floor(quota.runs * left) - (runs.length - others.length));
  return others.slice(kept);
}

function kindsOf({ verb, job, volume, state }: RunHead): string[] {
  // one that is under way says nothing yet; when it ends it is reported again
  const kind = JSON.stringify([verb, job, volume, state === running]);
  return verb === backup && goodStates.includes(state) ? [kind, JSON.stringify(["good", job])] : [kind];
}
