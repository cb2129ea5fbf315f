/** Waiting for something, but not for ever. */

import { LuksmithError, type LuksmithErrorOptions } from "../../../common/errors.ts";

export class DeadlineError extends LuksmithError {
  constructor(message: string, options?: LuksmithErrorOptions) {
    super("tool_failed", message, options);
  }
}

/** @throws {DeadlineError} when `work` is not done in time; it is not stopped by that */
export async function withDeadline<T>(work: Promise<T>, deadlineMs: number, what: string): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new DeadlineError(`${what} did not end within ${Math.round(deadlineMs / 1000)} s`)),
    deadlineMs,
  );
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
