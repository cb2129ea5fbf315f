/** How long a run may take, waiting included. */

import { durationSchema } from "./quantity.ts";

/** Within what a timer of Node's can hold (2^31 ms). */
export const longestDeadlineMs = 20 * 86_400_000;
export const shortestDeadlineMs = 10_000;

export const deadlineSchema = durationSchema({ min: shortestDeadlineMs, max: longestDeadlineMs });
