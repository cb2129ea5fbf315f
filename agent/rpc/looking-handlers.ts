import type { Command } from "../../common/exec.ts";
import { type Stream, serverStream } from "../../common/grpc-call.ts";
import type { AgentServiceServer } from "../../proto/gen/luksmith/v1/agent.ts";
import type {
  DiffSnapshotsResponse,
  FindFilesResponse,
  MeasureSnapshotsResponse,
  ReadFileResponse,
} from "../../proto/gen/luksmith/v1/looking.ts";
import { type RunEvent, Verb } from "../../proto/gen/luksmith/v1/types.ts";
import type { AccessVerb } from "../access/verb.ts";
import type { JobConfig } from "../config/job.ts";
import { diff } from "../look/diff.ts";
import { measure } from "../look/measure.ts";
import { patternTest } from "../look/pattern.ts";
import { readWholeFile } from "../look/read-file.ts";
import { search } from "../look/search.ts";
import { snapshotPath } from "../restore/paths.ts";
import type { RunContext, RunResult } from "../runs/context.ts";
import { type Attached, withVolume } from "../stack/attach.ts";
import type { Target } from "../stack/stack.ts";
import { targetOf } from "../volume/target.ts";
import { type Agent, rightsOf, toCaller } from "./agent.ts";
import { authorizedJob } from "./authorized.ts";
import { streamRun } from "./stream-run.ts";

type Handlers = Pick<AgentServiceServer, "diffSnapshots" | "findFiles" | "measureSnapshots" | "readFile">;

export function lookingHandlers(agent: Agent): Handlers {
  const { host } = agent;
  const { log } = host;
  return {
    diffSnapshots: serverStream(log, (request, peer, stream: Stream<DiffSnapshotsResponse>) =>
      look(agent, request, peer, { verb: Verb.DIFF, needs: "ls" }, stream, ({ job, as }) => {
        const options = { ...request, path: snapshotPath(request.path), as };
        return (attached, run) =>
          diff(host, job.name, attached, options, run, (difference) =>
            stream.send({ kind: { $case: "difference", value: difference } }),
          );
      }),
    ),

    findFiles: serverStream(log, (request, peer, stream: Stream<FindFilesResponse>) =>
      look(agent, request, peer, { verb: Verb.FIND, needs: "ls" }, stream, ({ job, as }) => {
        const tests = patternTest(request.pattern, request.ignoreCase);
        return (attached, run) =>
          search(host, job.name, attached, { snapshot: request.snapshot, tests, as }, run, (found) =>
            stream.send({ kind: { $case: "found", value: found } }),
          );
      }),
    ),

    measureSnapshots: serverStream(log, (request, peer, stream: Stream<MeasureSnapshotsResponse>) =>
      look(agent, request, peer, { verb: Verb.DU, needs: "ls" }, stream, ({ job, as, target }) => {
        const options = { filesystem: target.volume.filesystem, path: snapshotPath(request.path), as };
        return (attached, run) =>
          measure(host, job.name, attached, options, run, (size) =>
            stream.send({ kind: { $case: "size", value: size } }),
          );
      }),
    ),

    readFile: serverStream(log, (request, peer, stream: Stream<ReadFileResponse>) =>
      look(agent, request, peer, { verb: Verb.CAT, needs: "restore" }, stream, ({ job, as }) => {
        const options = { snapshot: request.snapshot, path: snapshotPath(request.path), as };
        return (attached, run) =>
          readWholeFile(host, job.name, attached, options, run, (data) =>
            stream.send({ kind: { $case: "data", value: data } }),
          );
      }),
    ),
  };
}

interface Asked {
  readonly job: JobConfig;
  readonly target: Target;
  readonly as: Command["as"];
}

/**
 * With the volume attached for reading, and the caller's rights.
 * @param prepare refuses what can be refused before the run begins
 */
async function look(
  agent: Agent,
  request: { job: string; acceptRollback: boolean },
  peer: string,
  { verb, needs }: { verb: Verb; needs: AccessVerb },
  stream: Stream<{ kind: { $case: "event"; value: RunEvent } }>,
  prepare: (asked: Asked) => (attached: Attached, run: RunContext) => Promise<RunResult>,
): Promise<void> {
  const { access, config, host, pins } = agent;
  const { job, caller } = await authorizedJob(agent, peer, needs, request.job);
  const { volume } = job;
  const { acceptRollback } = request;
  if (acceptRollback) await access.authorize(peer, "check", { volume });
  const target = await targetOf(config, pins, volume);
  const work = prepare({ job, target, as: rightsOf(caller) });
  const attach = { mode: "read", acceptRollback, job: job.name } as const;
  await streamRun(agent, { verb, volume, job: job.name, caller: toCaller(caller) }, stream, (run) =>
    withVolume(host, pins, target, attach, run, (attached) => work(attached, run)),
  );
}
