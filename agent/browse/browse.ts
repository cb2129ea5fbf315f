/** Looking through a job's snapshots as through any directory, until nobody does any more. */

import { join } from "node:path";
import { pause } from "../../common/clock.ts";
import { LuksmithError } from "../../common/errors.ts";
import { UndoStack } from "../../common/undo.ts";
import { formatDuration } from "../../common/units.ts";
import type { JobConfig } from "../config/job.ts";
import type { RunContext, RunResult } from "../runs/context.ts";
import { selectSnapshot } from "../snapshots/select.ts";
import { withVolume } from "../stack/attach.ts";
import type { Owner } from "../stack/own-directory.ts";
import type { Target } from "../stack/stack.ts";
import { blockIo } from "../system/block-io.ts";
import type { Host } from "../system/host.ts";
import { listDirectory } from "../tools/find.ts";
import type { PinStore } from "../volume/pin.ts";
import { BrowseView } from "./view.ts";

/** How often it is asked whether somebody is there. */
const longestPollMs = 30_000;
const pollsInIdleTime = 10;

const shortestIdleMs = 1000;
const longestIdleMs = 24 * 3_600_000;
const defaultIdleMs = 30 * 60_000;

export interface BrowseOptions {
  /** Empty for all of the job's. */
  readonly snapshot: string;
  readonly idleMs: number;
  readonly acceptRollback: boolean;
  readonly owner: Owner;
  /** As `browsePath` makes it. */
  readonly path: string;
  readonly ending: AbortSignal;
}

/** @param asked 0 for the usual  @throws {LuksmithError} "usage" */
export function idleTime(asked: number): number {
  if (asked === 0) return defaultIdleMs;
  if (asked >= shortestIdleMs && asked <= longestIdleMs) return asked;
  const range = `${formatDuration(shortestIdleMs)} to ${formatDuration(longestIdleMs)}`;
  throw new LuksmithError("usage", `an idle time is from ${range}`, { hint: "such as --idle 30m" });
}

export async function browse(
  host: Host,
  pins: PinStore,
  job: JobConfig,
  target: Target,
  options: BrowseOptions,
  run: RunContext,
): Promise<RunResult> {
  const attach = { mode: "read", acceptRollback: options.acceptRollback, job: job.name } as const;
  return withVolume(host, pins, target, attach, run, async ({ filesDir, entries, device, signal }) => {
    const { name: chosen } = selectSnapshot(entries, job.name, options.snapshot);
    const isOne = options.snapshot !== "";
    const jobDir = join(filesDir, job.name);
    const view = new BrowseView(host, options.path, options.owner);
    await using undo = new UndoStack();
    undo.add("close the view", () => view.close());
    if (isOne) await view.open(join(jobDir, chosen), [], signal);
    else {
      const finished = new Set(entries.filter(({ partial }) => !partial).map(({ name }) => name));
      const inJob = (await listDirectory(host.exec, jobDir, signal)) ?? [];
      const hidden = inJob.filter(({ type, name }) => type === "d" && !finished.has(name)).map(({ name }) => name);
      await view.open(jobDir, hidden, signal);
    }
    const use = { device, view, ending: options.ending, idleMs: options.idleMs };
    const summary = await run.step("browse", () => untilOver(host, use, signal));
    return { state: "done", summary, ...(isOne ? { snapshot: chosen } : {}) };
  });
}

/** @returns why it is over */
async function untilOver(
  { clock }: Host,
  use: { device: string; view: BrowseView; ending: AbortSignal; idleMs: number },
  signal: AbortSignal,
): Promise<string> {
  const { device, view, ending, idleMs } = use;
  const either = AbortSignal.any([signal, ending]);
  const pollMs = Math.min(longestPollMs, idleMs / pollsInIdleTime);
  const completed = async () => (await blockIo(device))?.completed;
  let lastUseMs = clock.monotonicMs();
  let lastCompleted = await completed();
  while (!either.aborted) {
    await pause(clock, pollMs, either);
    if (either.aborted) break;
    const nowCompleted = await completed();
    const isUsed = nowCompleted !== lastCompleted || (await view.isInUse());
    lastCompleted = nowCompleted;
    if (isUsed) lastUseMs = clock.monotonicMs();
    else if (clock.monotonicMs() - lastUseMs >= idleMs) {
      if (await view.closeIfFree(signal)) return `ended: nobody used it for ${formatDuration(idleMs)}`;
      lastUseMs = clock.monotonicMs();
    }
  }
  signal.throwIfAborted();
  return "ended, as it was asked to";
}
