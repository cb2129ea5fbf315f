/** From rsync's figures to a run's progress. */

import type { Clock } from "../../common/clock.ts";
import type { RunContext } from "../runs/context.ts";
import { ProgressMeter } from "../runs/progress-meter.ts";
import type { RsyncProgress } from "../tools/rsync-output.ts";

/** rsync names no total, only whole percents of it: below this the total they imply is off by a tenth and more. */
const leastUsefulPercent = 5;

/** @returns takes each of rsync's progress lines */
export function copyProgress(
  clock: Clock,
  run: Pick<RunContext, "progress">,
  step: string,
): (progress: RsyncProgress) => void {
  const meter = new ProgressMeter(step);
  return (progress) =>
    run.progress(
      meter.update({
        atMs: clock.monotonicMs(),
        bytesDone: progress.bytesDone,
        bytesTotal: impliedTotal(progress),
        filesDone: progress.filesDone,
        filesTotal: progress.totalKnown ? progress.filesTotal : undefined,
      }),
    );
}

/** Pure. Undefined while rsync is still finding files, or the percentage is too coarse to say. */
export function impliedTotal({ bytesDone, percent, totalKnown }: RsyncProgress): number | undefined {
  return totalKnown && percent >= leastUsefulPercent ? Math.round((bytesDone / percent) * 100) : undefined;
}
