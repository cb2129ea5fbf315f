/**
 * Who may do what, and why. Pure; whatever no rule grants is refused. The reason comes out of the decision itself, so that
 * what `luksmith access check` explains is what is enforced.
 */

import { showConfigPath } from "../../common/config/path.ts";
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
  /** For a backup: the user whose job it is, who alone starts it besides root. */
  readonly user?: string | undefined;
  /** For runs, log and cancel: the user who started the run, who may always see and cancel it. */
  readonly startedBy?: number | undefined;
}

export type Decision = Allowed | Refused;

interface Allowed {
  readonly allowed: true;
  /** By what: root's rights, a rule, the caller's own run. */
  readonly because: string;
  /** Which of the rules, counted from 0. */
  readonly rule?: number;
}

interface Refused {
  readonly allowed: false;
  /** What the caller is told. */
  readonly reason: string;
  readonly hint: string;
  /** What is missing. Tells of no name that the rules for this caller do not name. */
  readonly because: string;
}

/** A rule that is for the caller, and why. */
interface Concerning {
  readonly index: number;
  readonly rule: AccessRule;
  /** "the user alice", "the group staff" */
  readonly whom: string;
}

const grantHint = "root can grant it: access in the agent's configuration";
/** More rules, or names in one, explain nothing better. */
const listedMax = 5;

/** Root and the members of the socket's group may speak to the agent; nobody else. */
export function admit(caller: PolicyCaller, socketGroup: string): Decision {
  if (caller.uid === 0) return { allowed: true, because: "root may do everything" };
  if (caller.groups.includes(socketGroup)) {
    return { allowed: true, because: `${caller.name} is in the group ${socketGroup}` };
  }
  const reason = `${caller.name} is not in the group ${socketGroup}`;
  return {
    allowed: false,
    reason,
    hint: `root can change that: usermod -aG ${socketGroup} ${caller.name}`,
    because: `${reason}, whose members alone may speak to the agent`,
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
  const admitted = admit(caller, socketGroup);
  if (caller.uid === 0 || !admitted.allowed) return admitted;
  const { target: kind } = accessVerbs[verb];
  if ((kind === "run" || verb === "runs") && target.startedBy === caller.uid) {
    return { allowed: true, because: `${caller.name} started the run` };
  }
  const theirs = rules.flatMap((rule, index) => concerning(rule, index, caller));
  const granting = theirs.filter(({ rule }) => rule.allow.includes(verb));
  for (const { index, rule, whom } of granting) {
    const by = coveredBy(rule, verb, target);
    if (by === undefined) continue;
    if (verb === "backup" && target.user !== undefined && target.user !== caller.name) {
      return isOfAnother(target.user, showTarget(target, ""));
    }
    const on = by === "" ? "" : ` on ${by}`;
    return { allowed: true, because: `${ruleName(index)} allows ${verb} to ${whom}${on}`, rule: index };
  }
  return {
    allowed: false,
    reason: `${caller.name} may not use ${verb}${showTarget(target, " on ")}`,
    hint: grantHint,
    because: whatIsMissing(caller, verb, target, theirs, granting),
  };
}

/** What its program says of a user's files is for that user. */
function isOfAnother(user: string, job: string): Refused {
  const reason = `${job} is backed up by root and its user ${user} alone`;
  return { allowed: false, reason, hint: `sudo luksmith backup, or as ${user}`, because: reason };
}

/** As a fault of the configuration names it. */
export function ruleName(index: number): string {
  return showConfigPath(["access", index]);
}

function concerning(rule: AccessRule, index: number, caller: PolicyCaller): Concerning[] {
  if (rule.users.includes(caller.name)) return [{ index, rule, whom: `the user ${caller.name}` }];
  const group = rule.groups.find((name) => caller.groups.includes(name));
  return group === undefined ? [] : [{ index, rule, whom: `the group ${group}` }];
}

function whatIsMissing(
  { name }: PolicyCaller,
  verb: AccessVerb,
  target: AccessTarget,
  theirs: readonly Concerning[],
  granting: readonly Concerning[],
): string {
  if (theirs.length === 0) return `no rule of access is for ${name} or a group that ${name} is in`;
  if (granting.length === 0) {
    const names = theirs.map(({ index }) => ruleName(index));
    return `no rule that is for ${name} allows ${verb} (they are ${shortList(names)})`;
  }
  const about = granting.map(({ index, rule }) => `${ruleName(index)} is for ${scopeOf(rule)}`);
  const asked = showTarget(target, "") || "what was asked for";
  return `no rule that allows ${verb} to ${name} covers ${asked}: ${shortList(about)}`;
}

function scopeOf({ volumes, jobs }: AccessRule): string {
  const parts = [
    ...(volumes.length === 0 ? [] : [`the volumes ${shortList(volumes)}`]),
    ...(jobs.length === 0 ? [] : [`the jobs ${shortList(jobs)}`]),
  ];
  return parts.join(" and ") || "the agent as a whole";
}

function shortList(items: readonly string[]): string {
  const rest = items.length - listedMax;
  return rest > 0 ? `${items.slice(0, listedMax).join(", ")} and ${rest} more` : items.join(", ");
}

/** By what of the rule the target is covered ("volume home", "every job"), "" where it need not be; undefined when it is not. */
function coveredBy(rule: AccessRule, verb: AccessVerb, { volume, job }: AccessTarget): string | undefined {
  const byVolume = listed("volume", rule.volumes, volume);
  const byEither = byVolume ?? listed("job", rule.jobs, job);
  switch (accessVerbs[verb].target) {
    case "none":
      return "";
    case "volume":
      return byVolume;
    case "job":
      // without its volume there is no telling whether a rule covers it
      return isNamed(job) && isNamed(volume) ? byEither : undefined;
    case "run":
      return isNamed(volume) ? byEither : undefined;
    case "listing":
      if (!isNamed(volume) && !isNamed(job)) return "";
      return verb === "volumes" ? byVolume : byEither;
  }
}

function listed(noun: string, names: readonly string[], name: string | undefined): string | undefined {
  if (!isNamed(name)) return undefined;
  if (names.includes(name)) return `${noun} ${name}`;
  return names.includes("*") ? `every ${noun}` : undefined;
}

function isNamed(name: string | undefined): name is string {
  return name !== undefined && name !== "";
}

function showTarget({ volume, job }: AccessTarget, before: string): string {
  if (isNamed(job)) return `${before}job ${quoteText(job)}`;
  return isNamed(volume) ? `${before}volume ${quoteText(volume)}` : "";
}
