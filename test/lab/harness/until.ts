/** Waiting for the system to come to a state, as tests do: for long, and failing when it does not. */

import { systemClock } from "../../../common/clock.ts";
import { waitUntil } from "../../../common/wait-until.ts";

const deadlineMs = 300_000;

/** @throws when it does not come true in time; a lab that is busy takes a while */
export async function until(condition: () => Promise<boolean>, what: string): Promise<void> {
  if (!(await waitUntil(systemClock, deadlineMs, condition))) throw new Error(`still not true: ${what}`);
}
