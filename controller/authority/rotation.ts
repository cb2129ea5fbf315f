/**
 * One authority taking the place of another, in phases, none of which shuts anybody out who has come along with the one before:
 *
 * - trust: there is a new authority, and everybody is told to trust both
 * - clients: machines and operators get certificates of the new one
 * - servers: controllers show certificates of the new one
 * - none: the old one is gone
 *
 * Pure.
 */

import { LuksmithError } from "../../common/errors.ts";

export const rotationPhases = ["none", "trust", "clients", "servers"] as const;
export type RotationPhase = (typeof rotationPhases)[number];
export type RotationStep = "start" | "next" | "back";

/** A machine or an operator, and how far it has come. */
export interface Follower {
  /** As people know it: "web1", "operator alice". */
  readonly name: string;
  readonly trustsNext: boolean;
  readonly issuedByNext: boolean;
}

/** What is to be done, and where that leads. */
export interface RotationMove {
  readonly to: RotationPhase;
  readonly authorities: "make next" | "drop next" | "drop old" | "keep";
}

/** Which of the two authorities does what. */
export interface Duties {
  readonly issuesClients: "old" | "next";
  readonly issuesServers: "old" | "next";
}

export function dutiesIn(phase: RotationPhase): Duties {
  return {
    issuesClients: phase === "clients" || phase === "servers" ? "next" : "old",
    issuesServers: phase === "servers" ? "next" : "old",
  };
}

/**
 * @param followers all that may come back: of those that are revoked, and of certificates that have expired, nobody waits for any
 * @throws {LuksmithError} "usage" where there is no such step; "incomplete" naming those who are behind, unless it is forced
 */
export function planRotation(
  phase: RotationPhase,
  step: RotationStep,
  followers: readonly Follower[],
  force: boolean,
): RotationMove {
  const move = moves[phase][step];
  if (move === undefined) throw noSuchStep(phase, step);
  const behind = followers.filter((follower) => !move.mayLeave(follower));
  if (behind.length > 0 && !force) throw areBehind(behind, move);
  return { to: move.to, authorities: move.authorities };
}

/** Whether this one has done all that its phase asks of it. */
export function hasFollowed(phase: RotationPhase, follower: Follower): boolean {
  return moves[phase].next?.mayLeave(follower) ?? true;
}

interface Move extends RotationMove {
  /** Whether the one would still be in the fleet afterwards. */
  readonly mayLeave: (follower: Follower) => boolean;
  /** What those have yet to do who may not. */
  readonly lack: string;
}

const anybody = () => true;

const moves: Readonly<Record<RotationPhase, Partial<Record<RotationStep, Move>>>> = {
  none: {
    start: { to: "trust", authorities: "make next", mayLeave: anybody, lack: "" },
  },
  trust: {
    next: {
      to: "clients",
      authorities: "keep",
      mayLeave: ({ trustsNext }) => trustsNext,
      lack: "the new authority is not trusted yet",
    },
    // there may be some when "clients" was gone back from
    back: {
      to: "none",
      authorities: "drop next",
      mayLeave: ({ issuedByNext }) => !issuedByNext,
      lack: "the certificate is still one of the new authority's",
    },
  },
  clients: {
    next: {
      to: "servers",
      authorities: "keep",
      mayLeave: ({ trustsNext, issuedByNext }) => trustsNext && issuedByNext,
      lack: "the certificate is still one of the old authority's",
    },
    back: { to: "trust", authorities: "keep", mayLeave: anybody, lack: "" },
  },
  servers: {
    next: {
      to: "none",
      authorities: "drop old",
      mayLeave: ({ trustsNext, issuedByNext }) => trustsNext && issuedByNext,
      lack: "the certificate is still one of the old authority's",
    },
    back: { to: "clients", authorities: "keep", mayLeave: anybody, lack: "" },
  },
};

function noSuchStep(phase: RotationPhase, step: RotationStep): LuksmithError {
  if (step === "start") {
    return new LuksmithError("exists", "the authority is being changed already", {
      hint: "luksmith fleet ca shows how far that is; luksmith fleet ca rotate next goes on",
    });
  }
  const reason =
    step === "back"
      ? "no change of the authority is under way, and one that has ended cannot be taken back"
      : "no change of the authority has begun";
  return new LuksmithError("usage", phase === "none" ? reason : `nothing comes after ${phase}`, {
    hint: "luksmith fleet ca rotate start begins one",
  });
}

const namedMax = 10;

function areBehind(behind: readonly Follower[], { lack }: Move): LuksmithError {
  const names = behind.slice(0, namedMax).map(({ name }) => name);
  const more = behind.length > namedMax ? ` and ${behind.length - namedMax} more` : "";
  return new LuksmithError(
    "incomplete",
    `the step was not taken, ${behind.length} would be left behind: ${names.join(", ")}${more}: ${lack}`,
    {
      hint: "wait for them, or revoke those that are gone; with --force they may lose the fleet and have to enrol again",
    },
  );
}
