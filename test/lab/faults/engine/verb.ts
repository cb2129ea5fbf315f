/** What a step's verb does: how its run is begun, and what has to be true when it is done. */

import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Run } from "../../../../proto/gen/luksmith/v1/types.ts";
import type { LabAgent } from "../../harness/lab-agent.ts";
import { assertDone } from "../../harness/scene.ts";
import { until } from "../../harness/until.ts";
import type { JournalState } from "./journal.ts";
import { withDoomed, withGone } from "./model.ts";
import type { Job, StepPlan } from "./plan.ts";
import { sourceOf } from "./source-tree.ts";
import { differences, recordTree, type TreeRecord } from "./tree-record.ts";
import type { World } from "./world.ts";

const grownByMiB = 4;
const mostMiB = 192;
/** On a disk: not every file system keeps all that there is in a tree. */
const restored = "/srv/soak/restored";

export interface Started {
  /** @returns the run's id */
  readonly begin: (agent: LabAgent) => Promise<string>;
  /** Throws when what it did is not what it should have done. */
  readonly whenDone?: (run: Run | undefined) => Promise<void>;
  /** Whatever came of it. */
  readonly afterwards?: () => Promise<void>;
}

/** Makes ready for it, too, undisturbed. Where there is nothing to do it with, the volume is checked. */
export async function startVerb(
  { verb, job, step }: StepPlan,
  world: World,
  state: JournalState,
  recordNamed: (name: string) => Promise<TreeRecord>,
): Promise<Started> {
  const known = knownSnapshots(state, job);
  const [oldest] = known;
  const check: Started = { begin: (agent) => agent.startCheck(job) };
  const backup: Started = { begin: async (agent) => (await agent.startBackup(job)).run?.id ?? "" };
  switch (verb) {
    case "backup":
      return backup;
    case "first backup": {
      // also those that were finished without our knowing
      const all = (await world.agent.snapshots(job)).filter(({ partial }) => !partial).map(({ name }) => name);
      if (all.length > 0) assertDone(await world.agent.prune(job, { snapshots: all }));
      state.models[job] = withGone(state.models[job], all);
      return backup;
    }
    case "prune": {
      if (oldest === undefined || known.length < 2) return check;
      state.models[job] = withDoomed(state.models[job], [oldest]);
      return {
        begin: (agent) => agent.startPrune(job, { snapshots: [oldest] }),
        whenDone: async () => {
          state.models[job] = withGone(state.models[job], [oldest]);
        },
      };
    }
    case "restore": {
      const snapshot = known[step % Math.max(1, known.length)];
      if (snapshot === undefined) return check;
      const record = state.models[job].snapshots[snapshot] ?? "";
      return {
        begin: (agent) => agent.startRestore(job, restored, { snapshot }),
        whenDone: async () => {
          const differing = differences(await recordNamed(record), await recordTree(join(restored, sourceOf(job))));
          if (differing.length > 0) throw new Error(`what was restored is not ${snapshot}:\n${differing.join("\n")}`);
        },
        afterwards: () => rm(restored, { recursive: true, force: true }),
      };
    }
    case "verify":
      if (oldest === undefined) return check;
      return {
        begin: (agent) => agent.startVerify(job),
        whenDone: async (run) => {
          if (run?.totals?.filesDiffering !== 0) throw new Error("verify found a difference");
        },
      };
    case "snapshots":
    case "ls": {
      if (oldest === undefined) return check;
      return listing(verb, job, known);
    }
    case "resize":
      if (state.sizes[job] + grownByMiB > mostMiB) return check;
      state.sizes[job] += grownByMiB;
      await world.useAgent({ ...world.settings, sizes: state.sizes });
      return { begin: (agent) => agent.startResize(job) };
    case "check":
      return check;
  }
}

/** The listing's stream ends with its run; whoever asks finds the run among those that are running. */
function listing(verb: "snapshots" | "ls", job: Job, known: readonly string[]): Started {
  let listed: Promise<string[] | undefined> | undefined;
  return {
    begin: async (agent) => {
      const asked: Promise<string[] | undefined> =
        verb === "snapshots"
          ? agent.snapshots(job).then((found) => found.map(({ name }) => name))
          : agent.files(job, sourceOf(job), true).then(() => undefined);
      listed = asked.catch(() => undefined);
      let id = "";
      await until(async () => {
        id = (await agent.status()).running.find((run) => run.job === job)?.id ?? "";
        return id !== "";
      }, "the listing runs");
      return id;
    },
    whenDone: async () => {
      const names = await listed;
      const missing = names === undefined ? [] : known.filter((name) => !names.includes(name));
      if (missing.length > 0) throw new Error(`not listed: ${missing.join(", ")}`);
    },
  };
}

/** Oldest first. */
export function knownSnapshots({ models }: JournalState, job: Job): string[] {
  const { snapshots, doomed } = models[job];
  return Object.keys(snapshots)
    .filter((name) => !doomed.includes(name))
    .toSorted();
}
