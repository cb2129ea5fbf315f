/** Signs of life, with how far each run has come. */

import type { Clock } from "../../common/clock.ts";
import type { RunProgress } from "../../proto/gen/luksmith/v1/fleet.ts";
import type { RunManager } from "../runs/run-manager.ts";
import { reportedVerbs } from "./allowed.ts";
import type { AllowedWord } from "./allowed-word.ts";
import type { Link } from "./link.ts";

/** @param intervalMs asked for each time: the controller may change it */
export async function sendHeartbeats(
  link: Link,
  runs: Pick<RunManager, "underWay">,
  allowed: readonly AllowedWord[],
  clock: Clock,
  intervalMs: () => number,
): Promise<void> {
  while (!link.gone.aborted) {
    const running = allowed.includes("status") ? progressOf(runs) : [];
    await link.send({ $case: "heartbeat", value: { time: clock.now(), running } });
    await clock.sleep(intervalMs(), link.gone);
  }
}

function progressOf(runs: Pick<RunManager, "underWay">): RunProgress[] {
  return runs
    .underWay()
    .filter(({ run }) => reportedVerbs.includes(run.verb))
    .map(({ run, progress }) => ({ runId: run.id, progress }));
}
