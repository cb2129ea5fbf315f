/**
 * Test files of the lab whose machine loses its power: each is run once in every life of its machine
 * (test/lab/harness/lives.ts), and what the last life reports counts.
 */

import { basename, join } from "node:path";
import { type LivesOptions, runInLives } from "../test/lab/harness/lives.ts";
import type { GuestCommand } from "../test/lab/harness/machine.ts";
import { addCounts, noTests, type TestCounts } from "./test-counts.ts";
import { judgeReport, readReport, testCommand } from "./test-report.ts";

export interface PowerCutTest extends Omit<LivesOptions, "command">, Pick<GuestCommand, "onStdout" | "onStderr"> {
  readonly bundle: string;
}

/** By its name. */
export function losesPower(file: string): boolean {
  return basename(file).startsWith("power-");
}

/** @throws as {@link runInLives} does */
export async function runPowerCutTest(test: PowerCutTest): Promise<{ counts: TestCounts; bootMs: number }> {
  const { bundle, onStdout, onStderr, ...machine } = test;
  const report = (life: number) => `life-${life}.tap`;
  const path = (life: number) => join(test.directory, "out", report(life));
  const { exitCode, lives, bootMs } = await runInLives({
    ...machine,
    command: (life) => ({ argv: testCommand(bundle, `/out/${report(life)}`), onStdout, onStderr }),
  });
  let counts = judgeReport(path(lives), exitCode);
  for (let life = 1; life < lives; life += 1) {
    const tap = readReport(path(life));
    const failed = failuresBeforeTheCut(tap);
    // what failed is described at the end, to which it did not come
    if (failed > 0) onStderr(Buffer.from(tap));
    counts = addCounts(counts, { ...noTests, failed });
  }
  if (lives > 1 || counts.failed > 0) return { counts, bootMs };
  onStderr(Buffer.from("it passed without having lost its power\n"));
  return { counts: { ...counts, failed: 1 }, bootMs };
}

/** The report of a life that was cut off has no end to be counted from. */
function failuresBeforeTheCut(tap: string): number {
  return [...tap.matchAll(/^ *not ok /gm)].length;
}
