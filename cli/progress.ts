/** What a run is doing now, kept from its events, and said in one line. */

import { escapeControls } from "../common/quote.ts";
import { formatBytes, formatCount, formatDuration } from "../common/units.ts";
import type { Progress, RunEvent } from "../proto/gen/luksmith/v1/types.ts";

interface OpenStep {
  readonly name: string;
  readonly began: Date | undefined;
  readonly progress?: Progress;
}

/** The steps that have begun and not ended, oldest first. */
export type OpenSteps = readonly OpenStep[];

export function stepsAfter(steps: OpenSteps, event: RunEvent): OpenSteps {
  switch (event.kind?.$case) {
    case "stepBegan":
      return [...steps, { name: event.kind.value.step, began: event.time }];
    case "stepEnded": {
      const { step } = event.kind.value;
      return steps.filter(({ name }) => name !== step);
    }
    case "progress": {
      const progress = event.kind.value;
      return steps.map((step) => (step.name === progress.step ? { ...step, progress } : step));
    }
    case "ended":
      return [];
    default:
      return steps;
  }
}

/** What the live line says: of the newest step that can say how far it is, else of the newest; "" when none is open. */
export function liveText(steps: OpenSteps, now: Date): string {
  const step = steps.findLast(({ progress }) => progress !== undefined) ?? steps.at(-1);
  if (step === undefined) return "";
  if (step.progress !== undefined) return progressText(step.progress);
  const elapsedMs = step.began === undefined ? 0 : now.getTime() - step.began.getTime();
  return elapsedMs < 1000 ? escapeControls(step.name) : `${escapeControls(step.name)}  ${wholeSeconds(elapsedMs)}`;
}

/** "copy  35 %  1.20 GiB of 3.40 GiB  12.3 MiB/s  2 min 5 s left  1,204 of 3,012 files", without what is not known. */
export function progressText(progress: Progress): string {
  const { step, bytesDone, bytesTotal, filesDone, filesTotal, bytesPerSecond, remainingMs } = progress;
  const parts = [escapeControls(step)];
  if (bytesTotal > 0) {
    parts.push(`${Math.min(100, Math.floor((100 * bytesDone) / bytesTotal))} %`);
    parts.push(`${formatBytes(bytesDone)} of ${formatBytes(bytesTotal)}`);
  } else if (bytesDone > 0) parts.push(formatBytes(bytesDone));
  if (bytesPerSecond > 0) parts.push(`${formatBytes(bytesPerSecond)}/s`);
  if (remainingMs > 0) parts.push(`${wholeSeconds(remainingMs)} left`);
  if (filesTotal > 0) parts.push(`${formatCount(filesDone)} of ${formatCount(filesTotal)} files`);
  else if (filesDone > 0) parts.push(`${formatCount(filesDone)} ${filesDone === 1 ? "file" : "files"}`);
  return parts.join("  ");
}

/** No tenths, which would only flicker. */
function wholeSeconds(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 1000));
  return seconds < 60 ? `${seconds} s` : formatDuration(seconds * 1000);
}

/** Lets a step's progress through at most once in ten seconds of the run's own time. */
export class ProgressThinner {
  readonly #lastMs = new Map<string, number>();

  /** Whether this event is to be shown as a line of its own. Events other than progress always are. */
  admits(event: RunEvent): boolean {
    const atMs = event.time?.getTime() ?? 0;
    if (event.kind?.$case === "stepBegan") this.#lastMs.set(event.kind.value.step, atMs);
    if (event.kind?.$case !== "progress") return true;
    const { step } = event.kind.value;
    const lastMs = this.#lastMs.get(step);
    if (lastMs !== undefined && atMs - lastMs < plainIntervalMs) return false;
    this.#lastMs.set(step, atMs);
    return true;
  }
}

/** Often enough to see that it lives, seldom enough for a mail from cron. */
const plainIntervalMs = 10_000;
