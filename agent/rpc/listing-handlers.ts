import { join } from "node:path";
import { LuksmithError } from "../../common/errors.ts";
import { type Stream, serverStream } from "../../common/grpc-call.ts";
import { plural } from "../../common/units.ts";
import type {
  AgentServiceServer,
  ListFilesResponse,
  ListSnapshotsResponse,
} from "../../proto/gen/luksmith/v1/agent.ts";
import { Verb } from "../../proto/gen/luksmith/v1/types.ts";
import { OwnerNames } from "../look/owner-names.ts";
import { ancestors, requireNoLinkAbove, snapshotPath } from "../restore/paths.ts";
import { listSnapshots } from "../snapshots/list.ts";
import { selectSnapshot } from "../snapshots/select.ts";
import { withVolume } from "../stack/attach.ts";
import { withView } from "../stack/view.ts";
import { existing } from "../tools/existing.ts";
import { walk } from "../tools/find.ts";
import { noticeLoss } from "../transport/transport.ts";
import { findJob, targetOf } from "../volume/target.ts";
import { withWarming } from "../warm/warming.ts";
import { type Agent, rightsOf, toCaller } from "./agent.ts";
import { authorizedJob } from "./authorized.ts";
import { streamRun } from "./stream-run.ts";

type Handlers = Pick<AgentServiceServer, "listSnapshots" | "listFiles">;

export function listingHandlers(agent: Agent): Handlers {
  const { access, config, host, pins } = agent;
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
        const target = await targetOf(config, pins, volume);
        const attach = { mode: "read", acceptRollback: request.acceptRollback } as const;
        const [onlyJob] = jobs;
        const of = { verb: Verb.LIST_SNAPSHOTS, volume, ...(jobs.length === 1 && onlyJob ? { job: onlyJob } : {}) };
        await streamRun(agent, { ...of, caller: toCaller(caller) }, stream, async (run) => {
          const snapshots = await withVolume(host, pins, target, attach, run, ({ filesDir, signal }) =>
            listSnapshots(host, filesDir, jobs, signal),
          );
          for (const snapshot of snapshots) await stream.send({ kind: { $case: "snapshot", value: snapshot } });
          return { state: "done", summary: plural(snapshots.length, "snapshot") };
        });
      }
    }),

    listFiles: serverStream(log, async (request, peer, stream: Stream<ListFilesResponse>) => {
      const { job, caller } = await authorizedJob(agent, peer, "ls", request.job);
      const { volume } = job;
      if (request.acceptRollback) await access.authorize(peer, "check", { volume });
      const path = snapshotPath(request.path);
      const target = await targetOf(config, pins, volume);
      const attach = { mode: "read", acceptRollback: request.acceptRollback, job: job.name } as const;
      const as = rightsOf(caller);
      const of = { verb: Verb.LIST_FILES, volume, job: job.name, caller: toCaller(caller) };
      await streamRun(agent, of, stream, (run) =>
        withVolume(host, pins, target, attach, run, async ({ filesDir, entries, device, signal, lost }) => {
          const snapshot = selectSnapshot(entries, job.name, request.snapshot);
          let count = 0;
          const owners = new OwnerNames(host.exec, signal);
          const snapshotDir = join(filesDir, job.name, snapshot.name);
          const list = () =>
            withView(host, snapshotDir, as, signal, async (cwd) => {
              requireNoLinkAbove([path], await existing(host.exec, { cwd, paths: ancestors(path), as }, signal));
              return walk(
                host.exec,
                { cwd, path, recursive: request.recursive, as },
                async (entry) => {
                  count += 1;
                  await owners.addTo(entry);
                  await stream.send({ kind: { $case: "entry", value: entry } });
                },
                signal,
              );
            });
          // one directory has nothing that could be read ahead
          const starts = request.recursive ? [Buffer.concat([Buffer.from(`${snapshotDir}/`), path])] : [];
          const { incomplete } = await run.step("list", () =>
            withWarming(host, { device, starts, files: false }, signal, list),
          );
          if (incomplete && (await noticeLoss(host.clock, lost))) throw lost.reason;
          if (incomplete) run.warn("some directories could not be looked into: they are closed to you");
          return {
            state: incomplete ? "incomplete" : "done",
            summary: plural(count, "entry", "entries"),
            snapshot: snapshot.name,
          };
        }),
      );
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
