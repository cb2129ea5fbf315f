/** The streams of machines that have said Hello: a fleet that comes back says it ten thousand times. */

import { setJobs } from "../store/job-states.ts";
import { type BegunStream, beginStreams, type StreamBegin } from "../store/machines.ts";
import { dropPermits } from "../store/permits.ts";
import type { Database } from "../store/schema.ts";

export interface BeginningStream extends StreamBegin {
  /** Asked when it is written: that may have waited for a database for so long that the agent has connected again. */
  readonly isGone: () => boolean;
}

/** undefined: there is no such machine, or it has been revoked. */
export type Beginning = BegunStream | "gone" | undefined;

/** For a {@link CrowdWork}. */
export async function beginTogether(
  transaction: Database,
  those: readonly BeginningStream[],
): Promise<readonly Beginning[]> {
  const there = those.filter(({ isGone }) => !isGone());
  const begun = await beginStreams(transaction, there);
  await setJobs(
    transaction,
    there.flatMap(({ machineId, inventory, nowMs }) =>
      begun.has(machineId) ? [{ machineId, jobs: inventory.jobs, nowMs }] : [],
    ),
  );
  // an agent that was started anew has none of the runs that they were for
  await dropPermits(
    transaction,
    [...begun].flatMap(([machineId, { isAnew }]) => (isAnew ? [machineId] : [])),
  );
  const asked = new Set(there);
  return those.map((each) => (asked.has(each) ? begun.get(each.machineId) : "gone"));
}
