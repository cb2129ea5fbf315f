/** The frame of a script that starts things: Ctrl-C and its kind end them, and errors are said as the programs say them. */

import { constants } from "node:os";
import { LuksmithError } from "../common/errors.ts";
import { DeadlineError } from "../test/lab/harness/deadline.ts";

/** As timeout(1) has it. */
const deadlineExitCode = 124;

/**
 * @param work gets a signal that is aborted when somebody wants us to stop, and cleans up before it ends
 * @returns the exit code: the work's own, 124 past a deadline, 128 + the signal's number when stopped
 */
export async function interruptible(work: (signal: AbortSignal) => Promise<number>): Promise<number> {
  const interruption = new AbortController();
  let received: NodeJS.Signals | undefined;
  const onSignal = (name: NodeJS.Signals) => {
    received ??= name;
    interruption.abort(new LuksmithError("cancelled", `stopped by ${name}`));
  };
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, onSignal);
  try {
    const exitCode = await work(interruption.signal);
    return received === undefined ? exitCode : 128 + constants.signals[received];
  } catch (error) {
    if (received !== undefined) return 128 + constants.signals[received];
    if (!(error instanceof LuksmithError)) throw error;
    console.error(`error: ${error.message}`);
    if (error.hint !== undefined) console.error(`hint: ${error.hint}`);
    return error instanceof DeadlineError ? deadlineExitCode : error.exitCode;
  }
}
