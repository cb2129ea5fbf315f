import { serverStream, unary } from "../../common/grpc-call.ts";
import type { AgentServiceServer } from "../../proto/gen/luksmith/v1/agent.ts";
import { type Agent, ofRun, toCaller } from "./agent.ts";
import { authorizedRun } from "./authorized.ts";

type Handlers = Pick<AgentServiceServer, "listRuns" | "getRun" | "watchRun" | "cancelRun">;

const defaultLimit = 20;
const longestList = 1000;

export function runHandlers(agent: Agent): Handlers {
  const { access, host, runs } = agent;
  const { log } = host;
  return {
    listRuns: unary(log, async ({ limit, job, volume }, peer) => {
      const caller = await access.authorize(peer, "runs", { job, volume });
      const filter = { ...(job === "" ? {} : { job }), ...(volume === "" ? {} : { volume }), limit: longestList };
      const allowed = runs.list(filter).filter((run) => access.permits(caller, "runs", ofRun(run)));
      return { runs: allowed.slice(0, limit === 0 ? defaultLimit : limit) };
    }),

    getRun: unary(log, async ({ id }, peer) => {
      const { run } = await authorizedRun(agent, peer, "runs", id);
      return { run };
    }),

    watchRun: serverStream(log, async ({ id, follow }, peer, stream) => {
      const { run } = await authorizedRun(agent, peer, "log", id);
      for await (const event of runs.watch(run.id, follow, stream.gone)) await stream.send({ event });
    }),

    cancelRun: unary(log, async ({ id }, peer) => {
      const { run, caller } = await authorizedRun(agent, peer, "cancel", id);
      // the very one: "last" may be another by now
      return { run: runs.cancel(run.id, toCaller(caller)) };
    }),
  };
}
