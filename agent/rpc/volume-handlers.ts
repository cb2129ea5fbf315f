import { unary } from "../../common/grpc-call.ts";
import type { AgentServiceServer } from "../../proto/gen/luksmith/v1/agent.ts";
import { Verb } from "../../proto/gen/luksmith/v1/types.ts";
import { startOnVolume } from "../verbs/start-on-volume.ts";
import { startCheck, startTrim } from "../verbs/volume-verbs.ts";
import { createVolume } from "../volume/create.ts";
import { describeVolume } from "../volume/describe.ts";
import { makeRecoveryPassphrase } from "../volume/recovery-passphrase.ts";
import { resizeVolume } from "../volume/resize.ts";
import { findVolume } from "../volume/target.ts";
import { type Agent, toCaller } from "./agent.ts";

type Handlers = Pick<
  AgentServiceServer,
  "listVolumes" | "createVolume" | "checkVolume" | "resizeVolume" | "trimVolume"
>;

export function volumeHandlers(agent: Agent): Handlers {
  const { access, config, host, pins, runs } = agent;
  const { log } = host;
  const { deadlineMs } = config.runs;
  return {
    listVolumes: unary(log, async (_request, peer) => {
      const caller = await access.authorize(peer, "volumes");
      const allowed = [...config.volumes.keys()].filter((volume) => access.permits(caller, "volumes", { volume }));
      const volumes = await Promise.all(
        allowed.map((volume) => describeVolume(config, pins, volume, runs.heldBy(volume))),
      );
      return { volumes };
    }),

    createVolume: unary(log, async (request, peer) => {
      const caller = await access.authorize(peer, "create", { volume: request.volume });
      const { volume, remote } = findVolume(config, request.volume);
      const { key } = volume;
      const recoveryPassphrase = key.from === "file" && key.generated ? makeRecoveryPassphrase() : undefined;
      const run = runs.start(
        { verb: Verb.CREATE_VOLUME, volume: volume.name, caller: toCaller(caller), deadlineMs },
        (context) => createVolume(host, pins, { volume, remote, recoveryPassphrase }, context),
      );
      return {
        run,
        recoveryPassphrase: recoveryPassphrase ?? "",
        keyFile: key.from === "file" ? key.path : "",
        headerFile: pins.headerFile(volume.name),
      };
    }),

    checkVolume: unary(log, async (request, peer) => {
      const caller = await access.authorize(peer, "check", { volume: request.volume });
      const { volume } = request;
      // it may cost files of everybody who has a job there
      if (request.repair) access.requireRoot(caller, "check", { volume }, "repair");
      const { acceptRollback, repair } = request;
      return startCheck(agent, volume, { acceptRollback, repair }, { caller: toCaller(caller) });
    }),

    resizeVolume: unary(log, async (request, peer) => {
      const caller = await access.authorize(peer, "resize", { volume: request.volume });
      const { volume, dryRun, overcommit, shrink } = request;
      const resizing = { verb: Verb.RESIZE_VOLUME, volume, dryRun, caller: toCaller(caller) };
      return startOnVolume(agent, resizing, (target, run) =>
        resizeVolume(host, pins, target, { dryRun, overcommit, shrink }, run),
      );
    }),

    trimVolume: unary(log, async ({ volume, dryRun }, peer) => {
      const caller = await access.authorize(peer, "trim", { volume });
      return startTrim(agent, volume, { dryRun }, { caller: toCaller(caller) });
    }),
  };
}
