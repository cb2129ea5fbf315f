/** What is compared: each tool with the same verbs. */

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { SecondHost } from "../harness/second-host.ts";

const execute = promisify(execFile);
/** A tool that hangs is one that failed, and not the end of the benchmark. */
export const cellDeadlineMs = 10 * 60_000;

/** Where everybody finds what there is. */
export interface Place {
  readonly host: SecondHost;
  /** The directory that is backed up. */
  readonly source: string;
  /** An empty directory, into which is restored. */
  readonly target: string;
  /** Of the volumes. */
  readonly imageMiB: number;
  /** Of PBKDF2, which both the recipe and luksmith use, so that both derive for as long. */
  readonly kdfIterations: number;
  /** Prints what each program took. */
  readonly trace: boolean;
}

export interface Tool {
  readonly name: string;
  /** What is done once: not measured. */
  readonly setUp: () => Promise<unknown>;
  readonly backup: () => Promise<unknown>;
  /** @param one relative to the source */
  readonly restoreOne: (one: string) => Promise<unknown>;
  readonly restoreAll: () => Promise<unknown>;
  /** Where `restoreAll` puts what the source holds. */
  readonly restoredTo: string;
  /** Where `restoreOne` puts that file. */
  readonly oneRestoredTo: (one: string) => string;
  /** All that it changes, here and on the host. */
  readonly state: readonly string[];
  /** Seconds of what it did last until the image was a device here. */
  readonly opening?: () => number;
  /** Processes that it has between what it does, too. */
  readonly residents?: () => readonly number[];
  /** After a failure: ends what it still does, which would be in the others' way. */
  readonly giveUp?: () => Promise<unknown>;
  /** Whatever has become of it. */
  readonly tearDown?: () => Promise<unknown>;
}

/** Runs a program to its end. @throws when it fails, with its last words */
export async function run(
  { trace }: Pick<Place, "trace">,
  file: string,
  args: readonly string[],
  options: { env?: Readonly<Record<string, string>>; cwd?: string } = {},
): Promise<void> {
  const began = performance.now();
  await execute(file, [...args], {
    cwd: options.cwd,
    env: { ...process.env, HOME: "/root", ...options.env },
    timeout: cellDeadlineMs,
    maxBuffer: 256 * 2 ** 20,
  });
  if (trace) process.stderr.write(`${((performance.now() - began) / 1000).toFixed(3)} ${file}\n`);
}

/** user@host, as ssh wants it. */
export function login({ user, address }: SecondHost): string {
  return `${user}@${address}`;
}
