/** What the guest's kernel said, kept when something went wrong. */

import { copyFile, mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { hasErrno, LuksmithError } from "../../../common/errors.ts";
import { DeadlineError } from "./deadline.ts";

/** Each is a few kilobytes; nobody looks further back. */
const logsKept = 20;

/**
 * The error, with where the guest's console can be read in its hint: the log is copied to where it outlives the machine.
 * @param log of the running machine; may not exist yet
 * @param directory where logs are kept
 */
export async function withConsoleLog(error: LuksmithError, log: string, directory: string): Promise<LuksmithError> {
  await mkdir(directory, { recursive: true });
  for (const name of (await readdir(directory)).sort().slice(0, 1 - logsKept)) {
    await rm(join(directory, name), { force: true });
  }
  const kept = join(directory, `console-${new Date().toISOString().replaceAll(":", "-")}-${process.pid}.log`);
  try {
    await copyFile(log, kept);
  } catch (cause) {
    if (hasErrno(cause, "ENOENT")) return error;
    throw cause;
  }
  const options = { hint: `the guest's console: ${kept}`, cause: error };
  return error instanceof DeadlineError
    ? new DeadlineError(error.message, options)
    : new LuksmithError(error.code, error.message, options);
}
