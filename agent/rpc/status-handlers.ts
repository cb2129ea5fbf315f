import { hostname } from "node:os";
import { unary } from "../../common/grpc-call.ts";
import { version } from "../../common/version.ts";
import type { AgentServiceServer } from "../../proto/gen/luksmith/v1/agent.ts";
import { RunState, Verb } from "../../proto/gen/luksmith/v1/types.ts";
import type { Agent } from "./agent.ts";

type Handlers = Pick<AgentServiceServer, "getStatus">;

/** How far back a job's last good backup is looked for. */
const runsLookedAt = 1000;

export function statusHandlers({
  access,
  config,
  configPath,
  fleet,
  host,
  runs,
  scheduler,
  startedAt,
}: Agent): Handlers {
  return {
    getStatus: unary(host.log, async (_request, peer) => {
      const caller = await access.authorize(peer, "status");
      const running = runs
        .running()
        .filter(({ volume, job, caller: starter }) =>
          access.permits(caller, "runs", { volume, job, startedBy: starter?.uid }),
        );
      const mine = [...config.jobs.values()].filter(({ name, volume }) =>
        access.permits(caller, "status", { job: name, volume }),
      );
      const jobs = mine.map(({ name: job, volume }) => {
        const ended = runs.list({ job, limit: runsLookedAt }).filter((run) => run.state !== RunState.RUNNING);
        const backups = ended.filter((run) => run.verb === Verb.BACKUP && !run.dryRun);
        const good = backups.find((run) => run.state === RunState.DONE || run.state === RunState.INCOMPLETE);
        const lastDrill = ended.find((run) => run.verb === Verb.DRILL);
        const next = scheduler.nextBackup(job);
        const { schedule = "", waitsFor = "" } = next ?? {};
        return {
          ...{ job, volume, last: backups[0], lastGood: good, lastDrill },
          ...{ nextStart: next?.at, nextSchedule: schedule, waitsFor },
        };
      });
      return {
        version,
        hostname: hostname(),
        startedAt,
        running,
        jobs,
        configPath,
        memoryBytes: process.memoryUsage.rss(),
        fleet: fleet.status(),
      };
    }),
  };
}
