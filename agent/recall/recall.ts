/**
 * A history of runs that was damaged begins anew, and would say that nothing was ever backed up. The volumes know better:
 * each finished snapshot has a record of the run that made it. So each volume is read once, by a run that everybody can see.
 */

import { asLuksmithError } from "../../common/errors.ts";
import type { Log } from "../../common/log.ts";
import { plural } from "../../common/units.ts";
import { type Caller, Verb } from "../../proto/gen/luksmith/v1/types.ts";
import type { AgentConfig } from "../config/agent-config.ts";
import type { RunManager } from "../runs/run-manager.ts";
import type { RunStore } from "../runs/run-store.ts";
import { readJobDirectory } from "../snapshots/list.ts";
import { readRecords } from "../snapshots/record.ts";
import { type Attached, withVolume } from "../stack/attach.ts";
import type { Host } from "../system/host.ts";
import type { PinStore } from "../volume/pin.ts";
import { targetOf } from "../volume/target.ts";
import { pastBackup } from "./past-backup.ts";

const theAgent: Caller = { uid: 0, name: "luksmith-agent" };

interface Recalling {
  readonly config: AgentConfig;
  readonly host: Host;
  readonly pins: PinStore;
  readonly runs: RunManager;
  readonly store: RunStore;
}

/** To be called before anything else is made of the new history: who is killed in between has not forgotten it. */
export function rememberToRecall(store: RunStore, config: AgentConfig, log: Log): void {
  try {
    if (store.isReplacement) store.recallLater([...config.volumes.keys()]);
  } catch (error) {
    say(log, error);
  }
}

/** Begins what is to be done, and returns. What fails is in the run's log, and is tried again by the next agent. */
export function recallPastBackups(agent: Recalling): void {
  const { host } = agent;
  recallAll(agent).catch((error: unknown) => say(host.log, error));
}

/** One after the other: each derives a key, and has its volume. */
async function recallAll(agent: Recalling): Promise<void> {
  const { host, store } = agent;
  for (const volume of store.volumesToRecall()) {
    await recall(agent, volume).catch((error: unknown) => say(host.log, error));
  }
}

function say(log: Log, thrown: unknown): void {
  const error = asLuksmithError(thrown);
  log.error({ err: error, hint: error.hint }, "past backups cannot be read out of a volume");
}

async function recall(agent: Recalling, volume: string): Promise<void> {
  const { config, host, pins, runs, store } = agent;
  if (!config.volumes.has(volume) || (await pins.read(volume)) === undefined) {
    store.recalled(volume, []);
    return;
  }
  const { retry, deadlineMs } = config.runs;
  const { id } = runs.start({ verb: Verb.LIST_SNAPSHOTS, volume, caller: theAgent, retry, deadlineMs }, async (run) => {
    run.note("the history of runs was damaged: reading which backups made the snapshots");
    const target = await targetOf(config, pins, volume);
    const options = { mode: "read", acceptRollback: false } as const;
    const past = await withVolume(host, pins, target, options, run, (attached) => pastBackups(agent, volume, attached));
    const added = store.recalled(volume, past);
    return { state: "done", summary: `${plural(added, "past backup")} read back into the history of runs` };
  });
  await runs.wait(id);
}

async function pastBackups({ config, host }: Recalling, volume: string, { filesDir, signal }: Attached) {
  const { exec, clock } = host;
  const jobs = [...config.jobs.values()].filter((job) => job.volume === volume).map(({ name }) => name);
  const perJob = await Promise.all(
    jobs.map(async (job) => {
      const [entries, records] = await Promise.all([
        readJobDirectory(host, filesDir, job, signal),
        readRecords(exec, filesDir, job, signal),
      ]);
      const of = { volume, job, now: clock.now() };
      return entries.flatMap((entry) => pastBackup(of, entry, records.get(entry.name)) ?? []);
    }),
  );
  return perJob.flat();
}
