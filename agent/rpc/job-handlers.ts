import { dirname, join } from "node:path";
import { showName } from "../../common/file-name.ts";
import { unary } from "../../common/grpc-call.ts";
import { type AgentServiceServer, VerifyLevel } from "../../proto/gen/luksmith/v1/agent.ts";
import { Verb } from "../../proto/gen/luksmith/v1/types.ts";
import { requireNamable } from "../backup/named-sources.ts";
import { pinSnapshot, requireNote } from "../prune/pin.ts";
import { snapshotPath } from "../restore/paths.ts";
import { RestoreBegun, requireDeletableTarget, requireTarget } from "../restore/request.ts";
import { restore } from "../restore/restore.ts";
import { startBackup, startDrill, startPrune, startVerify } from "../verbs/job-verbs.ts";
import { startOnVolume } from "../verbs/start-on-volume.ts";
import { requireNoSnapshot } from "../verify/scrub.ts";
import { type Agent, rightsOf, toCaller } from "./agent.ts";
import { authorizedJob } from "./authorized.ts";

/** What luksmith lives by on this machine. */
function ownFiles({ config, configPath, host }: Agent): string[] {
  const beside = ["keys", "ssh"].map((name) => join(dirname(configPath), name));
  const identities = [...config.remotes.values()].map(({ identity }) => identity);
  const keys = [...config.volumes.values()].flatMap(({ key }) => (key.from === "file" ? [key.path] : []));
  return [configPath, ...beside, ...identities, ...keys, host.stateDir, host.runtimeDir];
}

type Handlers = Pick<
  AgentServiceServer,
  "listJobs" | "backup" | "restore" | "verify" | "drill" | "prune" | "pinSnapshot" | "unpinSnapshot"
>;

export function jobHandlers(agent: Agent): Handlers {
  const { access, config, host, pins } = agent;
  const { log } = host;
  return {
    listJobs: unary(log, async (_request, peer) => {
      const caller = await access.authorize(peer, "status");
      const jobs = [...config.jobs.values()]
        .filter(({ name, volume }) => access.permits(caller, "status", { job: name, volume }))
        .map(({ name, volume, sources, exclude, user = "", sourcesBelow }) => ({
          ...{ name, volume, user },
          ...{ sources: [...sources], exclude: [...exclude], sourcesBelow: [...sourcesBelow] },
        }));
      return { jobs };
    }),

    backup: unary(log, async ({ job: name, dryRun, acceptRollback, sources }, peer) => {
      const { job, caller } = await authorizedJob(agent, peer, "backup", name, sources.map(showName));
      const named = requireNamable(job, sources);
      const { volume } = job;
      if (acceptRollback) await access.authorize(peer, "check", { volume });
      const options = { named, dryRun, acceptRollback };
      return startBackup(agent, job, options, { caller: toCaller(caller) });
    }),

    restore: unary(log, async ({ job: name, ...options }, peer) => {
      const { job, caller } = await authorizedJob(agent, peer, "restore", name);
      const { volume } = job;
      if (options.acceptRollback) await access.authorize(peer, "check", { volume });
      requireTarget(options.target);
      options.paths.forEach(snapshotPath);
      const { dryRun } = options;
      const own = ownFiles(agent);
      const begun = new RestoreBegun();
      const asked = { ...options, as: rightsOf(caller), own, begun };
      requireDeletableTarget(asked);
      const request = { verb: Verb.RESTORE, volume, job: name, dryRun, caller: toCaller(caller) };
      return startOnVolume(agent, request, (target, run) => restore(host, pins, job, target, asked, run));
    }),

    verify: unary(log, async ({ job: name, ...options }, peer) => {
      const { job, caller } = await authorizedJob(agent, peer, "verify", name);
      const { volume } = job;
      // it names files of all jobs of the volume
      const isOfVolume = options.level === VerifyLevel.SCRUB;
      if (options.acceptRollback || isOfVolume) await access.authorize(peer, "check", { volume });
      if (isOfVolume) requireNoSnapshot(name, options);
      return startVerify(agent, job, options, { caller: toCaller(caller) });
    }),

    drill: unary(log, async ({ job: name, scratch, ...options }, peer) => {
      const { job, caller } = await authorizedJob(agent, peer, "drill", name);
      const { volume } = job;
      if (options.acceptRollback) await access.authorize(peer, "check", { volume });
      // what is made there, and removed again, is root's
      if (scratch.length > 0) access.requireRoot(caller, "drill", { volume, job: name });
      snapshotPath(options.path);
      const where = scratch.length === 0 ? undefined : requireTarget(scratch);
      return startDrill(agent, job, { ...options, scratch: where }, { caller: toCaller(caller) });
    }),

    prune: unary(log, async ({ job: name, ...options }, peer) => {
      const { job, caller } = await authorizedJob(agent, peer, "prune", name);
      return startPrune(agent, job, options, { caller: toCaller(caller) });
    }),

    pinSnapshot: unary(log, async ({ job: name, snapshot, note }, peer) => {
      const { job, caller } = await authorizedJob(agent, peer, "pin", name);
      requireNote(note);
      const request = { verb: Verb.PIN, volume: job.volume, job: name, caller: toCaller(caller) };
      return startOnVolume(agent, request, (target, run) =>
        pinSnapshot(host, pins, job, target, { snapshot, note }, run),
      );
    }),

    unpinSnapshot: unary(log, async ({ job: name, snapshot }, peer) => {
      const { job, caller } = await authorizedJob(agent, peer, "pin", name);
      const request = { verb: Verb.UNPIN, volume: job.volume, job: name, caller: toCaller(caller) };
      const options = { snapshot, note: undefined };
      return startOnVolume(agent, request, (target, run) => pinSnapshot(host, pins, job, target, options, run));
    }),
  };
}
