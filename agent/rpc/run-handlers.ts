import type { AgentServiceServer } from "../../proto/gen/luksmith/v1/agent.ts";
import type { Run } from "../../proto/gen/luksmith/v1/types.ts";
import { type Agent, toCaller } from "./agent.ts";
import { serverStream, unary } from "./call.ts";

type Handlers = Pick<AgentServiceServer, "listRuns" | "getRun" | "watchRun" | "cancelRun">;

const defaultLimit = 20;
const longestList = 1000;

export function runHandlers({ access, host, runs }: Agent): Handlers {
  const { log } = host;
  return {
    listRuns: unary(log, async ({ limit, job, volume }, peer) => {
      const caller = await access.authorize(peer, "runs", { job, volume });
      const filter = { ...(job === "" ? {} : { job }), ...(volume === "" ? {} : { volume }), limit: longestList };
      const allowed = runs.list(filter).filter((run) => access.permits(caller, "runs", ofRun(run)));
      return { runs: allowed.slice(0, limit === 0 ? defaultLimit : limit) };
    }),

    getRun: unary(log, async ({ id }, peer) => {
      const run = runs.get(id);
      await access.authorize(peer, "runs", ofRun(run));
      return { run };
    }),

    watchRun: serverStream(log, async ({ id, follow }, peer, stream) => {
      const run = runs.get(id);
      await access.authorize(peer, "log", ofRun(run));
      for await (const event of runs.watch(run.id, follow, stream.gone)) await stream.send({ event });
    }),

    cancelRun: unary(log, async ({ id }, peer) => {
      const caller = await access.authorize(peer, "cancel", ofRun(runs.get(id)));
      return { run: runs.cancel(id, toCaller(caller)) };
    }),
  };
}

/** What the policy judges a run by: what it is about, and who began it. */
function ofRun(run: Run): { volume: string; job?: string; startedBy: number } {
  const startedBy = run.caller?.uid ?? 0;
  return run.job === "" ? { volume: run.volume, startedBy } : { volume: run.volume, job: run.job, startedBy };
}
