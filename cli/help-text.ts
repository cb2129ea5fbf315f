/** What help texts share. */

import type { Command } from "commander";

/** Headings under which `luksmith --help` lists the commands. */
export const groups = {
  setup: "Setting up:",
  backup: "Backing up and restoring:",
  watching: "Watching:",
  fleet: "Many machines:",
  more: "More:",
} as const;

/** Adds examples below a command's help: pairs of a command line and what it does. */
export function addExamples(command: Command, examples: readonly (readonly [line: string, meaning: string])[]): void {
  const text = examples.map(([line, meaning]) => `  # ${meaning}\n  ${line}\n`).join("\n");
  command.addHelpText("after", `\n${examples.length === 1 ? "Example" : "Examples"}:\n${text}`);
}

export const acceptRollback = [
  "--accept-rollback",
  "go on although the backup host offers an older copy of the volume than this machine has seen",
] as const;

export const detach = ["--detach", "return as soon as the run has begun, and print its id"] as const;

/** How a snapshot is named on the command line. */
export const snapshotHelp = `
Which snapshot:
  JOB or JOB@latest          the newest
  JOB@2026-11-23T02-00-00Z   the one of that name; the beginning of a name will do
  JOB@2026-11-23T12:00:00Z   the newest that is not younger than that time`;
