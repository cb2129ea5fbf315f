import type { AgentServiceServer } from "../../proto/gen/luksmith/v1/agent.ts";
import { Verb } from "../../proto/gen/luksmith/v1/types.ts";
import { backup } from "../backup/backup.ts";
import { PruneBegun, prune } from "../prune/prune.ts";
import { snapshotPath } from "../restore/paths.ts";
import { RestoreBegun, requireTarget, restore } from "../restore/restore.ts";
import { verify } from "../verify/verify.ts";
import { targetOf } from "../volume/target.ts";
import { type Agent, rightsOf, toCaller } from "./agent.ts";
import { authorizedJob } from "./authorized.ts";
import { unary } from "./call.ts";

type Handlers = Pick<AgentServiceServer, "listJobs" | "backup" | "restore" | "verify" | "prune">;

export function jobHandlers(agent: Agent): Handlers {
  const { access, config, host, pins, runs } = agent;
  const { log } = host;
  const { retry, deadlineMs } = config.runs;
  return {
    listJobs: unary(log, async (_request, peer) => {
      const caller = await access.authorize(peer, "status");
      const jobs = [...config.jobs.values()]
        .filter(({ name, volume }) => access.permits(caller, "status", { job: name, volume }))
        .map(({ name, volume, sources, exclude }) => ({ name, volume, sources: [...sources], exclude: [...exclude] }));
      return { jobs };
    }),

    backup: unary(log, async ({ job: name, dryRun, acceptRollback }, peer) => {
      const { job, caller } = await authorizedJob(agent, peer, "backup", name);
      const { volume } = job;
      if (acceptRollback) await access.authorize(peer, "check", { volume });
      await pins.require(volume);
      const request = { verb: Verb.BACKUP, volume, job: name, dryRun, caller: toCaller(caller), retry };
      const run = runs.start({ ...request, deadlineMs: job.deadlineMs ?? deadlineMs }, async (context) =>
        backup(host, pins, job, await targetOf(config, pins, volume), { dryRun, acceptRollback }, context),
      );
      return { run };
    }),

    restore: unary(log, async ({ job: name, ...options }, peer) => {
      const { job, caller } = await authorizedJob(agent, peer, "restore", name);
      const { volume } = job;
      if (options.acceptRollback) await access.authorize(peer, "check", { volume });
      requireTarget(options.target);
      options.paths.forEach(snapshotPath);
      await pins.require(volume);
      const { dryRun } = options;
      const request = { verb: Verb.RESTORE, volume, job: name, dryRun, caller: toCaller(caller), retry, deadlineMs };
      const begun = new RestoreBegun();
      const run = runs.start(request, async (context) =>
        restore(
          host,
          pins,
          job,
          await targetOf(config, pins, volume),
          { ...options, as: rightsOf(caller), begun },
          context,
        ),
      );
      return { run };
    }),

    verify: unary(log, async ({ job: name, ...options }, peer) => {
      const { job, caller } = await authorizedJob(agent, peer, "verify", name);
      const { volume } = job;
      if (options.acceptRollback) await access.authorize(peer, "check", { volume });
      await pins.require(volume);
      const request = { verb: Verb.VERIFY, volume, job: name, caller: toCaller(caller), retry, deadlineMs };
      const run = runs.start(request, async (context) =>
        verify(host, pins, job, await targetOf(config, pins, volume), options, context),
      );
      return { run };
    }),

    prune: unary(log, async ({ job: name, ...options }, peer) => {
      const { job, caller } = await authorizedJob(agent, peer, "prune", name);
      const { volume } = job;
      await pins.require(volume);
      const { dryRun } = options;
      const request = { verb: Verb.PRUNE, volume, job: name, dryRun, caller: toCaller(caller), retry, deadlineMs };
      const begun = new PruneBegun();
      const run = runs.start(request, async (context) =>
        prune(host, pins, job, await targetOf(config, pins, volume), { ...options, begun }, context),
      );
      return { run };
    }),
  };
}
