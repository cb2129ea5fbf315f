/** What is not as it should be with a machine, as far as the controller knows: decided from what is there, and from what is not. Pure. */

import { overdueAt } from "../../common/schedule/overdue.ts";
import { formatDuration } from "../../common/units.ts";
import { quotaNotice } from "../quota/quota.ts";

/** In the order in which they are shown. */
export const alertKinds = ["overdue", "failing", "late", "identity", "quota", "certificate", "clock"] as const;
export type AlertKind = (typeof alertKinds)[number];

export interface Condition {
  readonly kind: AlertKind;
  /** Of those with one subject no two are told apart. */
  readonly subject: string;
  readonly machineId: string;
  /** Empty: it is about the machine. */
  readonly job: string;
  readonly sinceMs: number;
  /** On one line; without ages, so that it stays the same while it is so. */
  readonly message: string;
}

/** In the place of a job: whichever the machine has, of which none is known. No job is called so. */
export const anyJob = "*";

/** A backup that is to be made, by a schedule. */
export interface Expectation {
  /** Or {@link anyJob}. */
  readonly job: string;
  readonly maxAgeMs: number;
  /** Nothing was asked for before. */
  readonly sinceMs: number;
}

interface WatchedJob {
  readonly job: string;
  /** Since when it is known. */
  readonly sinceMs: number;
  readonly lastGoodMs: number | undefined;
}

/** A run as it is told of. */
export interface TroubledRun {
  readonly runId: string;
  /** As people know it: "backup". */
  readonly verb: string;
  readonly job: string;
  readonly volume: string;
  readonly startedMs: number;
  /** Of one that failed: over what; of one that is under way: since when it counts as missing. */
  readonly trouble: { readonly failed: string } | { readonly lateSinceMs: number };
}

/** What a schedule had a machine do, and could not begin there. */
interface NotBegun {
  readonly schedule: string;
  readonly job: string;
  readonly volume: string;
  /** When it was due. */
  readonly momentMs: number;
  readonly reason: string;
}

/** What the controller knows of a machine that is one of the fleet. */
export interface WatchedMachine {
  readonly id: string;
  readonly enrolledMs: number;
  readonly jobs: readonly WatchedJob[];
  readonly expectations: readonly Expectation[];
  /** Runs that take too long, and the newest of their kind if they failed. */
  readonly runs: readonly TroubledRun[];
  readonly notBegun: readonly NotBegun[];
  /** The newest that counts; undefined: there is none. */
  readonly certificate: { readonly issuedMs: number; readonly expiresMs: number } | undefined;
  /** How much its clock is ahead of ours. */
  readonly clockSkewMs: number;
  /** What a person should look at, such as two agents with one identity. */
  readonly notice: string;
}

/** Beyond that, times in logs and certificates are confusing; schedules and ages still work. */
const toleratedSkewMs = 5 * 60_000;
/** It is renewed at two thirds of its life: when half of the rest is over, something is wrong. */
const certificateRest = 1 / 6;

export function conditionsOf(machine: WatchedMachine, nowMs: number): Condition[] {
  return [
    ...overdue(machine, nowMs),
    ...machine.runs.map((run) => troubled(machine, run)),
    ...machine.notBegun.flatMap((each) => notBegun(machine, each, nowMs)),
    ...certificate(machine, nowMs),
    ...(machine.notice === ""
      ? []
      : // since when is not known: it is as old as its alert
        [condition(machine, machine.notice === quotaNotice ? "quota" : "identity", "", nowMs, machine.notice)]),
    ...clock(machine, nowMs),
  ];
}

function condition(
  { id }: WatchedMachine,
  kind: AlertKind,
  job: string,
  sinceMs: number,
  message: string,
  ...more: string[]
): Condition {
  return { kind, subject: JSON.stringify([kind, id, job, ...more]), machineId: id, job, sinceMs, message };
}

/** Of a job that has several schedules, the strictest counts. */
function overdue(machine: WatchedMachine, nowMs: number): Condition[] {
  const worst = new Map<string, { atMs: number; maxAgeMs: number; last: string }>();
  for (const { job, maxAgeMs, sinceMs } of machine.expectations) {
    const known = machine.jobs.find((each) => each.job === job);
    const fromMs = Math.max(sinceMs, machine.enrolledMs, known?.sinceMs ?? 0);
    const lastGoodMs = known?.lastGoodMs;
    const atMs = overdueAt({ lastGoodMs, sinceMs: fromMs, maxAgeMs }, nowMs);
    if (atMs < (worst.get(job)?.atMs ?? Number.POSITIVE_INFINITY))
      worst.set(job, { atMs, maxAgeMs, last: lastOf(job, known, fromMs) });
  }
  return [...worst]
    .filter(([, { atMs }]) => nowMs >= atMs)
    .map(([job, { atMs, maxAgeMs, last }]) =>
      condition(machine, "overdue", job, atMs, `no good backup within ${formatDuration(maxAgeMs)}: ${last}`),
    );
}

function lastOf(job: string, known: WatchedJob | undefined, fromMs: number): string {
  if (job === anyJob) return "the machine tells of no job at all";
  // there may have been some before it was taken out of the configuration
  if (known === undefined) return "the machine tells of no such job";
  return known.lastGoodMs === undefined
    ? `none since it was asked for, ${moment(fromMs)}`
    : `the last is of ${moment(known.lastGoodMs)}`;
}

function troubled(machine: WatchedMachine, { runId, verb, job, volume, startedMs, trouble }: TroubledRun): Condition {
  const what = job === "" ? `${verb} of volume ${volume}` : verb;
  const subject = [verb, volume];
  return "failed" in trouble
    ? condition(machine, "failing", job, startedMs, `${what} failed (run ${runId}): ${trouble.failed}`, ...subject)
    : condition(
        machine,
        "late",
        job,
        trouble.lateSinceMs,
        `${what} has been under way since ${moment(startedMs)}, longer than it may (run ${runId})`,
        ...subject,
      );
}

/** Without the moment, which is another each time that it is due. */
function notBegun(machine: WatchedMachine, { schedule, job, volume, momentMs, reason }: NotBegun, nowMs: number) {
  const known = machine.jobs.find((each) => each.job === job);
  // somebody has mended it, and seen to it that it was made good
  if (known?.lastGoodMs !== undefined && known.lastGoodMs >= momentMs) return [];
  const what = job === "" ? `${schedule}, on volume ${volume},` : schedule;
  const message = `${what} was due and could not begin: ${reason}`;
  return [condition(machine, "failing", job, Math.min(momentMs, nowMs), message, "not begun", schedule, volume)];
}

function certificate(machine: WatchedMachine, nowMs: number): Condition[] {
  const known = machine.certificate;
  if (known === undefined) return [];
  const { issuedMs, expiresMs } = known;
  const dueMs = Math.floor(expiresMs - (expiresMs - issuedMs) * certificateRest);
  if (nowMs < dueMs) return [];
  const message =
    nowMs < expiresMs
      ? `the machine's certificate ends ${moment(expiresMs)}, and has not been renewed`
      : `the machine's certificate has ended ${moment(expiresMs)}: it has to enrol again`;
  return [condition(machine, "certificate", "", dueMs, message)];
}

function clock(machine: WatchedMachine, nowMs: number): Condition[] {
  const ms = Math.abs(machine.clockSkewMs);
  if (ms <= toleratedSkewMs) return [];
  const minutes = formatDuration(Math.round(ms / 60_000) * 60_000);
  const message = `the machine's clock is ${minutes} ${machine.clockSkewMs > 0 ? "ahead" : "behind"}`;
  return [condition(machine, "clock", "", nowMs, message)];
}

/** "2026-11-23 02:00 UTC". */
function moment(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
