import { LuksmithError } from "../../common/errors.ts";
import { unary } from "../../common/grpc-call.ts";
import { quoteText } from "../../common/quote.ts";
import type { AgentServiceServer } from "../../proto/gen/luksmith/v1/agent.ts";
import { type Run, Verb } from "../../proto/gen/luksmith/v1/types.ts";
import type { PolicyCaller } from "../access/policy.ts";
import { browse, idleTime } from "../browse/browse.ts";
import { browsePath } from "../browse/browses.ts";
import { targetOf } from "../volume/target.ts";
import { type Agent, ofRun, toCaller } from "./agent.ts";
import { authorizedJob } from "./authorized.ts";

type Handlers = Pick<AgentServiceServer, "browse" | "endBrowse">;

export function browseHandlers(agent: Agent): Handlers {
  const { access, browses, config, host, pins, runs } = agent;
  const { log } = host;
  return {
    browse: unary(log, async ({ job: name, snapshot, idleMs: asked, acceptRollback }, peer) => {
      const { job, caller } = await authorizedJob(agent, peer, "browse", name);
      const { volume } = job;
      if (acceptRollback) await access.authorize(peer, "check", { volume });
      const idleMs = idleTime(asked);
      const target = await targetOf(config, pins, volume);
      const path = browsePath(host.runtimeDir, caller.uid, job.name);
      const owner = { uid: caller.uid, gid: caller.gid };
      // one attempt: a second one would be at the same path after a while, when nobody looks there any more
      const request = { verb: Verb.BROWSE, volume, job: name, caller: toCaller(caller) };
      const run = runs.start({ ...request, deadlineMs: config.runs.deadlineMs }, (context) =>
        browses.during(context.runId, (ending) =>
          browse(host, pins, job, target, { snapshot, idleMs, acceptRollback, owner, path, ending }, context),
        ),
      );
      return { run, path };
    }),

    endBrowse: unary(log, async ({ job }, peer) => {
      const { found } = await access.authorizeRun(peer, "cancel", "", (caller) => {
        const isTheirs = (run: Run) => access.explain(caller, "cancel", ofRun(run)).allowed;
        const open = runs.running().filter((run) => run.verb === Verb.BROWSE && isTheirs(run));
        // whether a job is browsed is told to those who could end it
        if (job !== "" && !open.some((run) => run.job === job)) {
          const decision = access.explain(caller, "cancel", { volume: config.jobs.get(job)?.volume, job });
          if (!decision.allowed) throw new LuksmithError("denied", decision.reason, { hint: decision.hint });
        }
        const run = theBrowse(open, job, caller);
        return { found: run, target: ofRun(run), run: run.id };
      });
      browses.end(found.id);
      return { run: found };
    }),
  };
}

/** @param all that the caller could end  @throws {LuksmithError} "not_found"; "usage" when it is not clear which */
function theBrowse(all: readonly Run[], job: string, { uid }: PolicyCaller): Run {
  const open = all.filter((run) => (job === "" ? uid === 0 || run.caller?.uid === uid : run.job === job));
  const [run, another] = open;
  if (run === undefined) {
    throw new LuksmithError("not_found", job === "" ? "nothing is browsed" : `job ${quoteText(job)} is not browsed`, {
      hint: "luksmith runs",
    });
  }
  if (another !== undefined) {
    throw new LuksmithError("usage", `more than one job is browsed: ${open.map((one) => one.job).join(", ")}`, {
      hint: `luksmith browse --end ${run.job}`,
    });
  }
  return run;
}
