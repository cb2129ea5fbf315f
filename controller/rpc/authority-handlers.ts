import { LuksmithError } from "../../common/errors.ts";
import {
  type Authority,
  type ControllerServiceServer,
  RotationPhase,
  RotateAuthorityRequest_Step as Step,
} from "../../proto/gen/luksmith/v1/controller.ts";
import { listFollowers } from "../authority/followers.ts";
import { hasFollowed, type RotationPhase as Phase, type RotationStep } from "../authority/rotation.ts";
import { listMachines } from "../store/machines.ts";
import { unary } from "./call.ts";
import { moment } from "./messages.ts";
import type { ControllerParts } from "./parts.ts";

type Handlers = Pick<ControllerServiceServer, "getAuthorities" | "rotateAuthority">;

const phases: Readonly<Record<Phase, RotationPhase>> = {
  none: RotationPhase.NONE,
  trust: RotationPhase.TRUST,
  clients: RotationPhase.CLIENTS,
  servers: RotationPhase.SERVERS,
};

const steps: Readonly<Partial<Record<Step, RotationStep>>> = {
  [Step.START]: "start",
  [Step.NEXT]: "next",
  [Step.BACK]: "back",
};

export function authorityHandlers(parts: ControllerParts): Handlers {
  const { authorities, clock, operators, store } = parts;
  return {
    getAuthorities: unary(parts, async (_, peer) => {
      await operators.authorize(peer, "getAuthorities");
      const { phase, old, next, issuesClients, issuesServers } = await authorities.state();
      const all = [old, ...(next === undefined ? [] : [next])];
      const followers = await listFollowers(store.database, next, clock.now().getTime());
      const machines = new Map((await listMachines(store.database)).map((machine) => [machine.id, machine]));
      const behind = Map.groupBy(followers, (follower) => !hasFollowed(phase, follower));
      return {
        phase: phases[phase],
        authorities: all.map(
          (authority): Authority => ({
            fingerprint: authority.fingerprint,
            createdAt: moment(authority.createdMs),
            expiresAt: moment(authority.expiresMs),
            issuesClients: authority.fingerprint === issuesClients.fingerprint,
            issuesServers: authority.fingerprint === issuesServers.fingerprint,
            next: authority.fingerprint === next?.fingerprint,
          }),
        ),
        machines: [...(behind.get(true) ?? []), ...(behind.get(false) ?? [])].map((follower) => {
          const machine = follower.kind === "machine" ? machines.get(follower.owner) : undefined;
          return {
            machine: follower.name,
            trustsNext: follower.trustsNext,
            issuedByNext: follower.issuedByNext,
            connected: machine?.controllerId !== undefined,
            lastSeen: moment(machine?.lastSeenMs),
          };
        }),
      };
    }),

    rotateAuthority: unary(parts, async ({ step: value, force }, peer) => {
      const step = Object.hasOwn(steps, value) ? steps[value] : undefined;
      await operators.authorize(peer, "rotateAuthority", `${step ?? "?"}${force ? ", forced" : ""}`);
      if (step === undefined) {
        throw new LuksmithError("usage", "which step is missing", { hint: "luksmith fleet ca rotate start" });
      }
      const nowMs = clock.now().getTime();
      const phase = await authorities.rotate(step, (next) => listFollowers(store.database, next, nowMs), force);
      return { phase: phases[phase] };
    }),
  };
}
