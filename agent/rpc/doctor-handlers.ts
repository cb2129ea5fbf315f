import { unary } from "../../common/grpc-call.ts";
import type { AgentServiceServer } from "../../proto/gen/luksmith/v1/agent.ts";
import { examineAudit } from "../doctor/audit.ts";
import { examineFleet } from "../doctor/fleet.ts";
import { examineJobUsers } from "../doctor/job-users.ts";
import { examineKernel } from "../doctor/kernel.ts";
import { examineKeys } from "../doctor/keys.ts";
import { examineLeftovers } from "../doctor/leftovers.ts";
import { examineNbd } from "../doctor/nbd.ts";
import { examineRemote } from "../doctor/remotes.ts";
import { examineState } from "../doctor/state.ts";
import { examineTools } from "../doctor/tools.ts";
import type { Agent } from "./agent.ts";

type Handlers = Pick<AgentServiceServer, "doctor">;

export function doctorHandlers({
  access,
  audit,
  config,
  configPath,
  fleet,
  host,
  pins,
  runs,
  startedAt,
  users,
}: Agent): Handlers {
  return {
    doctor: unary(host.log, async ({ online, fix }, peer) => {
      const caller = await access.authorize(peer, "doctor", {});
      if (fix) access.requireRoot(caller, "doctor");
      const remotes = online ? [...config.remotes.values()] : [];
      const filesystems = [...config.volumes.values()].map(({ filesystem }) => filesystem);
      const findings = await Promise.all([
        examineTools(host.exec, filesystems),
        examineKernel(host.exec, filesystems),
        examineNbd(host.exec, [...config.remotes.values()]),
        examineState(config, configPath, startedAt),
        examineAudit(audit),
        examineFleet(fleet.status(), host.clock.now()),
        examineKeys(config, pins),
        examineJobUsers(users, config),
        Promise.all(remotes.map((remote) => examineRemote(host, remote))),
        examineLeftovers(host, runs, fix),
      ]);
      return { findings: findings.flat() };
    }),
  };
}
