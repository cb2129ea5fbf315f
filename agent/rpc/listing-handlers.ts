import { LuksmithError } from "../../common/errors.ts";
import { type Stream, serverStream } from "../../common/grpc-call.ts";
import type {
  AgentServiceServer,
  ListFilesResponse,
  ListSnapshotsResponse,
} from "../../proto/gen/luksmith/v1/agent.ts";
import { Verb } from "../../proto/gen/luksmith/v1/types.ts";
import { snapshotPath } from "../restore/paths.ts";
import { filesOf, snapshotsOf } from "../verbs/listing.ts";
import { findJob } from "../volume/target.ts";
import { type Agent, rightsOf, toCaller } from "./agent.ts";
import { authorizedJob } from "./authorized.ts";
import { streamRun } from "./stream-run.ts";

type Handlers = Pick<AgentServiceServer, "listSnapshots" | "listFiles">;

export function listingHandlers(agent: Agent): Handlers {
  const { access, config, host } = agent;
  const { log } = host;
  return {
    listSnapshots: serverStream(log, async (request, peer, stream: Stream<ListSnapshotsResponse>) => {
      const volumeOfJob = config.jobs.get(request.job)?.volume;
      const named = request.job === "" ? { volume: request.volume } : { volume: volumeOfJob, job: request.job };
      const caller = await access.authorize(peer, "snapshots", named);
      const allowed = jobsAskedFor(agent, request).filter((job) => access.permits(caller, "snapshots", job));
      if (allowed.length === 0) {
        throw new LuksmithError("not_found", "there is no job whose snapshots could be listed", {
          hint: "luksmith jobs",
        });
      }
      const volumes = new Set(allowed.map((target) => target.volume));
      if (request.acceptRollback) for (const volume of volumes) await access.authorize(peer, "check", { volume });
      for (const volume of volumes) {
        const jobs = allowed.filter((target) => target.volume === volume).map(({ job }) => job);
        const [onlyJob] = jobs;
        const of = { verb: Verb.LIST_SNAPSHOTS, volume, ...(jobs.length === 1 && onlyJob ? { job: onlyJob } : {}) };
        const asked = { volume, jobs, acceptRollback: request.acceptRollback };
        const work = await snapshotsOf(agent, asked, (snapshot) =>
          stream.send({ kind: { $case: "snapshot", value: snapshot } }),
        );
        await streamRun(agent, { ...of, caller: toCaller(caller) }, stream, work);
      }
    }),

    listFiles: serverStream(log, async (request, peer, stream: Stream<ListFilesResponse>) => {
      const { job, caller } = await authorizedJob(agent, peer, "ls", request.job);
      const { volume } = job;
      if (request.acceptRollback) await access.authorize(peer, "check", { volume });
      const path = snapshotPath(request.path);
      const of = { verb: Verb.LIST_FILES, volume, job: job.name, caller: toCaller(caller) };
      const work = await filesOf(agent, job, { ...request, path, as: rightsOf(caller) }, (entry) =>
        stream.send({ kind: { $case: "entry", value: entry } }),
      );
      await streamRun(agent, of, stream, work);
    }),
  };
}

function jobsAskedFor({ config }: Agent, request: { job: string; volume: string }): { volume: string; job: string }[] {
  if (request.job !== "") {
    const { volume, name } = findJob(config, request.job);
    return [{ volume, job: name }];
  }
  return [...config.jobs.values()]
    .filter(({ volume }) => request.volume === "" || volume === request.volume)
    .map(({ volume, name }) => ({ volume, job: name }));
}
