/** The names that the agent knows, for completion: quickly, and without a word when it is away. */

import { RunState, Verb } from "../../proto/gen/luksmith/v1/types.ts";
import { AgentClient } from "../agent-client.ts";
import { runTitle, stateText } from "../run-text.ts";

export interface Candidate {
  readonly value: string;
  readonly description: string;
}

export interface KnownNames {
  readonly jobs: readonly Candidate[];
  readonly volumes: readonly Candidate[];
  readonly remotes: readonly Candidate[];
  readonly runs: readonly Candidate[];
  /** Those that finished backups made, as JOB@NAME; asking the volume itself would take seconds. */
  readonly snapshots: readonly Candidate[];
}

/** Those of a fleet. */
export interface FleetNames {
  readonly machines: readonly Candidate[];
  /** Of any machine. */
  readonly machineJobs: readonly Candidate[];
  readonly schedules: readonly Candidate[];
}

/** A shell hangs for so long at most when somebody presses TAB. */
const deadlineMs = 700;
const runLimit = 200;

export async function knownNames(socket: string): Promise<KnownNames> {
  const agent = new AgentClient(socket);
  try {
    const [jobs, volumes, runs] = await Promise.all([
      agent.listJobs(deadlineMs).then(
        (answer) => answer.jobs,
        () => [],
      ),
      agent.listVolumes(deadlineMs).then(
        (answer) => answer.volumes,
        () => [],
      ),
      agent.listRuns({ limit: runLimit, job: "", volume: "" }, deadlineMs).then(
        (answer) => answer.runs,
        () => [],
      ),
    ]);
    const made = runs.filter(
      ({ verb, state, snapshot, dryRun }) =>
        verb === Verb.BACKUP &&
        snapshot !== "" &&
        !dryRun &&
        (state === RunState.DONE || state === RunState.INCOMPLETE),
    );
    return {
      jobs: jobs.map((job) => ({ value: job.name, description: job.sources.join(" ") })),
      volumes: volumes.map((volume) => ({ value: volume.name, description: `${volume.remote}:${volume.image}` })),
      remotes: [...new Set(volumes.map(({ remote }) => remote))].map((value) => ({ value, description: "" })),
      runs: [
        { value: "last", description: "the newest run" },
        ...runs.map((run) => ({ value: run.id, description: `${runTitle(run)}, ${stateText(run.state)}` })),
      ],
      snapshots: made.map((run) => ({ value: `${run.job}@${run.snapshot}`, description: run.summary })),
    };
  } finally {
    agent.close();
  }
}
