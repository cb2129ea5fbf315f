/** How a program that people and service managers start ends: with the exit code of what went wrong, said on standard error. */

import { CommanderError } from "commander";
import { asLuksmithError } from "./errors.ts";

const usageExitCode = 2;

/** Help and version that were asked for are thrown as well. @returns the exit code @throws what is not commander's */
export function usageExit(thrown: unknown): number {
  if (!(thrown instanceof CommanderError)) throw thrown;
  return thrown.exitCode === 0 ? 0 : usageExitCode;
}

/** Leaves the exit code that `command` ends with, or that of what it throws. */
export async function runCommand(command: (argv: readonly string[]) => Promise<number>): Promise<void> {
  try {
    process.exitCode = await command(process.argv);
  } catch (thrown) {
    const error = asLuksmithError(thrown);
    process.stderr.write(`error: ${error.message}\n${error.hint === undefined ? "" : `hint: ${error.hint}\n`}`);
    process.exitCode = error.exitCode;
  }
}
