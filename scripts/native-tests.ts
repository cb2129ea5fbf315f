/** The tiers that need no virtual machine: node --test on the spot. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { noTests, parseTapCounts, type TestCounts } from "./test-counts.ts";

/** By default node --test leaves one processor free: of two, that is half of them. */
const concurrency = [`--test-concurrency=${availableParallelism()}`];

/**
 * A test that never ends is named, rather than waited for; the longest takes six minutes. A file that has run all of its tests
 * ends, whatever is still open in it: the runner would wait for that without a word.
 */
const ends = ["--test-timeout=1200000", "--test-force-exit"];

export type NativeTier = "unit" | "integration";

/** Runs every test of the tier; what failed is shown. A run that died counts as a failure. */
export async function runNativeTier(tier: NativeTier, signal: AbortSignal): Promise<TestCounts> {
  const files = globSync(`test/${tier}/**/*.test.ts`);
  if (files.length === 0) return noTests;
  const directory = mkdtempSync(join(tmpdir(), "luksmith-tests-"));
  const report = join(directory, "report.tap");
  try {
    const reporters = [
      ...["--test-reporter=dot", "--test-reporter-destination=stdout"],
      ...["--test-reporter=tap", `--test-reporter-destination=${report}`],
    ];
    const runner = spawn(process.execPath, ["--test", ...concurrency, ...ends, ...reporters, ...files], {
      stdio: ["ignore", "inherit", "inherit"],
      // thousands of modules are stripped of their types and compiled once rather than by every test file
      env: { ...process.env, NODE_COMPILE_CACHE: "node_modules/.cache/node-compile" },
      signal,
    });
    const [status] = await once(runner, "close");
    const counts = parseTapCounts(readFileSync(report, "utf8"));
    if (counts === undefined) return { passed: 0, failed: 1, skipped: 0 };
    return status === 0 || counts.failed > 0 ? counts : { ...counts, failed: 1 };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
