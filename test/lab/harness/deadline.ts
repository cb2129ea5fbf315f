/** Waiting for something, but not for ever. */

import { LuksmithError } from "../../../common/errors.ts";

export class DeadlineError extends LuksmithError {
  constructor(what: string, deadlineMs: number) {
    super("tool_failed", `${what} did not end within ${Math.round(deadlineMs / 1000)} s`);
  }
}

/** @throws {DeadlineError} when `work` is not done in time; it is not stopped by that */
export async function withDeadline<T>(work: Promise<T>, deadlineMs: number, what: string): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new DeadlineError(what, deadlineMs)), deadlineMs);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
