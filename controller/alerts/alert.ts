/**
 * What becomes of a condition: it is pending until it has lasted, firing until it has been gone for as long, then resolved.
 *
 * | from | to | when |
 * | --- | --- | --- |
 * | nothing | pending | it is so |
 * | pending | nothing | it is not |
 * | pending | firing | it has been so, each time that somebody looked, for `pendingForMs` |
 * | firing | resolved | it has not been so for as long; twice as long for each time that it came back within a day |
 *
 * Pure.
 */

import type { Condition } from "./condition.ts";

export interface Alert extends Condition {
  readonly id: string;
  readonly state: "pending" | "firing" | "resolved";
  /** Since when it was seen each time that somebody looked. */
  readonly seenMs: number;
  readonly firedMs: number | undefined;
  /** Since when it is not so any more. */
  readonly clearMs: number | undefined;
  readonly resolvedMs: number | undefined;
  /** How often it had come back before. */
  readonly flaps: number;
  /** How often somebody was told, and when last. */
  readonly notified: number;
  readonly notifiedMs: number | undefined;
}

export interface AlertPolicy {
  readonly pendingForMs: number;
  readonly remindMs: number;
  readonly atMostEveryMs: number;
}

/** What is to be written. */
export interface AlertChanges {
  /** New, or changed. */
  readonly put: readonly Alert[];
  /** Ids of what passed before anybody was told. */
  readonly drop: readonly string[];
}

/** What comes back within it has not really gone. */
export const flapWindowMs = 86_400_000;
/** Of something that comes back again and again. */
const longestHoldMs = 12 * 3_600_000;
/** So that something is doubled. */
const shortestHoldMs = 60_000;

export interface Situation {
  readonly conditions: readonly Condition[];
  /** Not resolved; no two with one subject. */
  readonly open: readonly Alert[];
  /** Of what was resolved within {@link flapWindowMs}: how often it had come back. */
  readonly flaps: ReadonlyMap<string, number>;
  /** Nobody has looked for a while: whether something lasts begins to be counted anew, so that machines have time to come back. */
  readonly isAfterGap: boolean;
}

/** @param makeId of a new alert */
export function advance(
  { conditions, open, flaps, isAfterGap }: Situation,
  policy: AlertPolicy,
  nowMs: number,
  makeId: () => string,
): AlertChanges {
  const before = new Map(open.map((alert) => [alert.subject, alert]));
  const put: Alert[] = [];
  const drop: string[] = [];
  for (const condition of new Map(conditions.map((each) => [each.subject, each])).values()) {
    const alert = before.get(condition.subject);
    before.delete(condition.subject);
    const next =
      alert === undefined
        ? fresh(condition, flaps.get(condition.subject), nowMs, makeId)
        : { ...alert, ...sameSince(alert, condition), clearMs: undefined, seenMs: seenSince(alert, isAfterGap, nowMs) };
    const lasting = next.state === "pending" && nowMs - next.seenMs >= policy.pendingForMs ? fired(next, nowMs) : next;
    if (alert === undefined || differs(alert, lasting)) put.push(lasting);
  }
  for (const alert of before.values()) {
    if (alert.state === "pending") drop.push(alert.id);
    else {
      const clearMs = Math.min(alert.clearMs ?? nowMs, nowMs);
      const isOver = nowMs - clearMs >= holdMs(policy, alert.flaps);
      const next: Alert = isOver ? { ...alert, state: "resolved", clearMs, resolvedMs: nowMs } : { ...alert, clearMs };
      if (differs(alert, next)) put.push(next);
    }
  }
  return { put, drop };
}

function fresh(condition: Condition, flapsBefore: number | undefined, nowMs: number, makeId: () => string): Alert {
  return {
    ...condition,
    id: makeId(),
    state: "pending",
    seenMs: nowMs,
    firedMs: undefined,
    clearMs: undefined,
    resolvedMs: undefined,
    flaps: flapsBefore === undefined ? 0 : flapsBefore + 1,
    notified: 0,
    notifiedMs: undefined,
  };
}

/** What has no beginning of its own is as old as its alert. */
function sameSince(alert: Alert, condition: Condition): Condition {
  return { ...condition, sinceMs: Math.min(alert.sinceMs, condition.sinceMs) };
}

function seenSince({ state, seenMs }: Alert, isAfterGap: boolean, nowMs: number): number {
  return state === "pending" && isAfterGap ? nowMs : Math.min(seenMs, nowMs);
}

function fired(alert: Alert, nowMs: number): Alert {
  return { ...alert, state: "firing", firedMs: nowMs };
}

function holdMs({ pendingForMs }: AlertPolicy, flaps: number): number {
  if (flaps === 0) return pendingForMs;
  // 2^20 minutes are more than anything
  return Math.min(Math.max(pendingForMs, shortestHoldMs) * 2 ** Math.min(flaps, 20), longestHoldMs);
}

const compared = ["state", "sinceMs", "seenMs", "clearMs", "message"] as const satisfies readonly (keyof Alert)[];

function differs(before: Alert, after: Alert): boolean {
  return compared.some((field) => before[field] !== after[field]);
}

/** What is to be told now, in one message. */
export interface Due {
  readonly firing: readonly Alert[];
  readonly resolved: readonly Alert[];
  readonly reminders: readonly Alert[];
}

/** A reminder that is due a little later goes along, or there would be a message for each. */
const remindAlongShare = 1 / 24;

/**
 * @param alerts that are not resolved, and resolved ones of which that has not been told
 * @param lastMs when something was told last
 * @returns undefined: nothing, or not yet
 */
export function dueNow(
  alerts: readonly Alert[],
  lastMs: number | undefined,
  { remindMs, atMostEveryMs }: AlertPolicy,
  nowMs: number,
): Due | undefined {
  // a time that is ahead is one of a clock that was wrong
  if (lastMs !== undefined && lastMs <= nowMs && nowMs - lastMs < atMostEveryMs) return undefined;
  const told = (alert: Alert) => alert.notified > 0 && alert.notifiedMs !== undefined;
  const firing = alerts.filter((alert) => alert.state === "firing" && !told(alert));
  const resolved = alerts.filter((alert) => isResolutionUntold(alert));
  const toldFor = (alert: Alert) => nowMs - (alert.notifiedMs ?? nowMs);
  const remindable = alerts.filter((alert) => alert.state === "firing" && told(alert));
  const remindsAny = remindable.some((alert) => toldFor(alert) >= remindMs);
  if (firing.length === 0 && resolved.length === 0 && !remindsAny) return undefined;
  const reminders = remindsAny ? remindable.filter((alert) => toldFor(alert) >= remindMs * (1 - remindAlongShare)) : [];
  return { firing, resolved, reminders };
}

/** What nobody was told of need not be told to be over. */
function isResolutionUntold({ state, notified, notifiedMs, resolvedMs }: Alert): boolean {
  return state === "resolved" && notified > 0 && (notifiedMs ?? 0) < (resolvedMs ?? 0);
}

export function told(alert: Alert, nowMs: number): Alert {
  return { ...alert, notified: alert.notified + 1, notifiedMs: nowMs };
}
