/** One thing that one schedule has done on this machine: a verb on one job, or on one volume. */

import { Verb } from "../../proto/gen/luksmith/v1/types.ts";
import type { AgentConfig } from "../config/agent-config.ts";
import type { Assignment } from "./assignment.ts";

export interface TaskName {
  readonly schedule: string;
  readonly verb: Verb;
  /** Empty for what is about a volume. */
  readonly job: string;
  /** The job's, or what it is about. */
  readonly volume: string;
}

const ofVolumes: readonly Verb[] = [Verb.TRIM, Verb.CHECK_VOLUME];
const ofJobs: readonly Verb[] = [Verb.BACKUP, Verb.VERIFY, Verb.DRILL, Verb.PRUNE];

export function taskKey({ schedule, verb, job, volume }: TaskName): string {
  return JSON.stringify([schedule, verb, job, volume]);
}

/** What is asked for, of what the configuration has; "*" is all of it. */
export function tasksOf({ schedule, work }: Assignment, { jobs, volumes }: AgentConfig): TaskName[] {
  const { verb } = work;
  const fits = (asked: string, name: string) => asked === "*" || asked === name;
  if (ofVolumes.includes(verb)) {
    return [...volumes.keys()]
      .filter((name) => fits(work.volume, name))
      .map((volume) => ({ schedule, verb, job: "", volume }));
  }
  return [...jobs.values()]
    .filter(({ name }) => fits(work.job, name))
    .map(({ name, volume }) => ({ schedule, verb, job: name, volume }));
}

/** As people read it. */
export function describeTask({ job, volume }: TaskName): string {
  return job === "" ? `volume ${volume}` : `job ${job}`;
}

export function isVerbOfSchedules(verb: Verb): boolean {
  return ofJobs.includes(verb) || ofVolumes.includes(verb);
}
