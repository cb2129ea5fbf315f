/** Telling a service like healthchecks.io how a run of a schedule's job goes: URL/start, URL when it is done, URL/fail. Pure. */

import * as z from "zod";
import { RunState } from "../../proto/gen/luksmith/v1/types.ts";
import type { NewDelivery, Superseded } from "../store/deliveries.ts";
import { requestMs } from "./send.ts";

/** No channel is called so. */
export const pingChannel = "ping:";

export const pingPayloadSchema = z.object({
  url: z.string(),
  /** Whether it is too late for it when it cannot be sent at once. */
  once: z.boolean(),
});

export interface PingedRun {
  readonly machineId: string;
  readonly runId: string;
  /** That is told of it. */
  readonly schedule: string;
  readonly state: RunState;
}

/** @param template `{machine}` and `{job}` in it stand for theirs */
export function pingUrl(template: string, machine: string, job: string): string {
  return template.replaceAll("{machine}", encodeURIComponent(machine)).replaceAll("{job}", encodeURIComponent(job));
}

export interface PingPlan {
  readonly add: NewDelivery;
  /** The ids of those that are not to be sent any more: they would be taken for another beginning, or another end. */
  readonly withdraw: readonly string[];
  /** Those of earlier runs that still wait: after a good one nobody is to hear that an older one failed. */
  readonly supersedes: readonly Superseded[];
}

/**
 * A run of which is told twice is pinged about once: ids are made of the run's and the schedule's. One that was given up, and was good
 * after all when its machine came back, is told of again.
 */
export function planPing({ machineId, runId, schedule, state }: PingedRun, url: string, nowMs: number): PingPlan {
  const idOf = (what: string) => JSON.stringify([pingChannel, machineId, runId, what, schedule]);
  const isOver = state !== RunState.RUNNING;
  const plan = (what: string, to: string, dueMs: number): NewDelivery => ({
    id: idOf(what),
    channel: pingChannel,
    payload: JSON.stringify({ url: to, once: !isOver } satisfies z.infer<typeof pingPayloadSchema>),
    createdMs: nowMs,
    dueMs,
  });
  if (!isOver) return { add: plan("start", below(url, "start"), nowMs), withdraw: [], supersedes: [] };
  // one that is under way must have arrived before, or failed
  const dueMs = nowMs + requestMs;
  if (!isGood(state))
    return { add: plan("fail", below(url, "fail"), dueMs), withdraw: [idOf("start")], supersedes: [] };
  // of this machine: others may tell the same address
  const idPrefix = JSON.stringify([pingChannel, machineId]).slice(0, -1);
  const { payload } = plan("fail", below(url, "fail"), nowMs);
  return {
    add: plan("end", url, dueMs),
    withdraw: [idOf("start"), idOf("fail")],
    supersedes: [{ idPrefix, payload }],
  };
}

/** Of one that is incomplete there is a snapshot; one that was skipped had nothing to do. */
function isGood(state: RunState): boolean {
  return state === RunState.DONE || state === RunState.INCOMPLETE || state === RunState.SKIPPED;
}

function below(url: string, word: string): string {
  const parsed = new URL(url);
  parsed.pathname = `${parsed.pathname.replace(/\/$/, "")}/${word}`;
  return parsed.href;
}
