/** What the acts of the demonstration are played on: what is said, and what is typed. */

import { spawn } from "node:child_process";
import { captureSystem } from "../harness/leak-check.ts";

export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function chapter(title: string): void {
  say(`\n── ${title} ${"─".repeat(Math.max(3, 74 - title.length))}`);
}

/** Types a command: shows it, and lets it speak for itself. @throws when it fails */
export async function type(shown: readonly string[], argv: readonly string[] = shown): Promise<void> {
  const [file = "", ...args] = argv;
  say(`\n$ ${shown.join(" ")}`);
  const child = spawn(file, args, { stdio: "inherit" });
  const code = await new Promise((settle) => child.once("close", settle));
  if (code !== 0) throw new Error(`that ended with ${code}`);
}

/** The last words of an act that has ended well. */
export const nothingLeft = "no mount, no mapping, no loop device, no process of ours is left";

/** @throws when something is left */
export async function lookForLeftovers(): Promise<void> {
  const held = await captureSystem();
  if (held.length > 0) throw new Error(`left behind: ${JSON.stringify(held)}`);
  say(nothingLeft);
}

/** Plays an act; one that fails says so, and is the program's failure. */
export async function play(act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    say(`\nthe demonstration failed: ${error instanceof Error ? error.message : error}`);
    process.exitCode = 1;
  }
}
