/** Who may do what. Pure; whatever no rule grants is refused. */

import { quoteText } from "../../common/quote.ts";
import type { AccessRule } from "../config/access-rule.ts";
import type { Account } from "./user-database.ts";
import { type AccessVerb, accessVerbs } from "./verb.ts";

export interface PolicyCaller extends Account {
  readonly uid: number;
}

/** What a request is about. An empty name counts as none, as protobuf has it. */
export interface AccessTarget {
  readonly volume?: string | undefined;
  readonly job?: string | undefined;
  /** For runs, log and cancel: the user who started the run, who may always see and cancel it. */
  readonly startedBy?: number | undefined;
}

export type Decision =
  | { readonly allowed: true }
  | { readonly allowed: false; readonly reason: string; readonly hint: string };

const grantHint = "root can grant it: access in the agent's configuration";

/** Root and the members of the socket's group may speak to the agent; nobody else. */
export function admit(caller: PolicyCaller, socketGroup: string): Decision {
  if (caller.uid === 0 || caller.groups.includes(socketGroup)) return { allowed: true };
  return {
    allowed: false,
    reason: `${caller.name} is not in the group ${socketGroup}`,
    hint: `root can change that: usermod -aG ${socketGroup} ${caller.name}`,
  };
}

/**
 * Root may do everything. Members of the socket's group may do what `access` grants them, by their name or one of
 * their groups, and look after the runs that they started.
 */
export function decide(
  caller: PolicyCaller,
  verb: AccessVerb,
  target: AccessTarget,
  rules: readonly AccessRule[],
  socketGroup: string,
): Decision {
  if (caller.uid === 0) return { allowed: true };
  const admitted = admit(caller, socketGroup);
  if (!admitted.allowed) return admitted;
  const { target: kind } = accessVerbs[verb];
  if ((kind === "run" || verb === "runs") && target.startedBy === caller.uid) return { allowed: true };
  const granting = rules.filter(
    (rule) =>
      rule.allow.includes(verb) &&
      (rule.users.includes(caller.name) || rule.groups.some((group) => caller.groups.includes(group))),
  );
  if (granting.some((rule) => covers(rule, verb, target))) return { allowed: true };
  return { allowed: false, reason: `${caller.name} may not use ${verb}${showTarget(target)}`, hint: grantHint };
}

function covers(rule: AccessRule, verb: AccessVerb, { volume, job }: AccessTarget): boolean {
  const byVolume = lists(rule.volumes, volume);
  switch (accessVerbs[verb].target) {
    case "none":
      return true;
    case "volume":
      return byVolume;
    case "job":
      // without its volume there is no telling whether a rule covers it
      return isNamed(job) && isNamed(volume) && (byVolume || lists(rule.jobs, job));
    case "run":
      return isNamed(volume) && (byVolume || lists(rule.jobs, job));
    case "listing":
      return (!isNamed(volume) && !isNamed(job)) || byVolume || (verb !== "volumes" && lists(rule.jobs, job));
  }
}

function lists(names: readonly string[], name: string | undefined): boolean {
  return isNamed(name) && (names.includes(name) || names.includes("*"));
}

function isNamed(name: string | undefined): name is string {
  return name !== undefined && name !== "";
}

function showTarget({ volume, job }: AccessTarget): string {
  if (isNamed(job)) return ` on job ${quoteText(job)}`;
  return isNamed(volume) ? ` on volume ${quoteText(volume)}` : "";
}
