/** What is said of an alert that is over although nothing was made good: a backup that nobody expects any more is no backup. Pure. */

import type { Alert, AlertChanges } from "./alert.ts";
import { anyJob, type WatchedMachine } from "./condition.ts";

/** As it is known now; undefined: it is not one of the fleet any more. */
export type EndingMachine = Pick<WatchedMachine, "jobs" | "expectations"> | undefined;

/** @param machineOf of an alert that is over */
export function withEndings(
  { put, drop }: AlertChanges,
  machineOf: (machineId: string) => EndingMachine,
): AlertChanges {
  return {
    put: put.map((alert) => {
      const why = alert.state === "resolved" ? endingOf(alert, machineOf(alert.machineId)) : undefined;
      return why === undefined ? alert : { ...alert, message: `not made good, but ${why} (${alert.message})` };
    }),
    drop,
  };
}

/** @returns undefined: it is as it should be */
function endingOf({ kind, job }: Alert, machine: EndingMachine): string | undefined {
  if (machine === undefined) return "the machine is no longer one of the fleet";
  if (job === "" || (kind !== "overdue" && kind !== "failing")) return undefined;
  const { jobs, expectations } = machine;
  if (job === anyJob && jobs.length > 0) return "the machine tells of its jobs now: each is looked at by itself";
  if (job !== anyJob && !jobs.some((each) => each.job === job)) {
    return kind === "failing"
      ? "the job is no longer in the machine's configuration"
      : "no schedule names the job, and the machine tells of no such job";
  }
  const isExpected = expectations.some((each) => each.job === job);
  return kind === "overdue" && !isExpected ? "no schedule asks for it any more" : undefined;
}
