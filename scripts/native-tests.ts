/** The tiers that need no virtual machine: node --test on the spot. */

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { hasErrno } from "../common/errors.ts";
import { formatDuration } from "../common/units.ts";
import { noTests, parseTapCounts, type TestCounts } from "./test-counts.ts";

/**
 * By default node --test leaves one processor free: of two, that is half of them. One more than there are, since many a file waits most of
 * the time, for what gives up after seconds.
 */
const concurrency = [`--test-concurrency=${availableParallelism() + 1}`];

/**
 * The integration tests take a quarter of an hour on two processors. A file in which something is open never ends, and the runner waits
 * for it without a word (--test-force-exit would end that, and lose what other files had to say).
 */
const deadlineMs = 30 * 60_000;

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
    const runner = spawn(process.execPath, ["--test", ...concurrency, ...reporters, ...files], {
      stdio: ["ignore", "inherit", "inherit"],
      // thousands of modules are stripped of their types and compiled once rather than by every test file
      env: { ...process.env, NODE_COMPILE_CACHE: "node_modules/.cache/node-compile" },
      signal,
    });
    // one after another, so that the runner comes to its end, and says what else it knows
    const late = setTimeout(() => {
      looking = setInterval(() => endAll(filesOf(runner.pid)), 1000);
    }, deadlineMs);
    let looking: NodeJS.Timeout | undefined;
    const [status] = await once(runner, "close").finally(() => {
      clearTimeout(late);
      clearInterval(looking);
    });
    const counts = parseTapCounts(readFileSync(report, "utf8"));
    if (counts === undefined) return { passed: 0, failed: 1, skipped: 0 };
    return status === 0 || counts.failed > 0 ? counts : { ...counts, failed: 1 };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function endAll(hanging: readonly { pid: number; file: string }[]): void {
  for (const { pid, file } of hanging) {
    console.log(`\nnot ended after ${formatDuration(deadlineMs)}: ${file}`);
    try {
      process.kill(pid, "SIGKILL");
    } catch (error) {
      // it has ended meanwhile
      if (!hasErrno(error, "ESRCH")) throw error;
    }
  }
}

/** Those that the runner has a process for. Source: ps(1) */
function filesOf(runner: number | undefined): { pid: number; file: string }[] {
  const { stdout } = spawnSync("ps", ["--ppid", `${runner}`, "--format", "pid=,args=", "--width", "100000"], {
    encoding: "utf8",
  });
  return stdout.split("\n").flatMap((line) => {
    const [, pid, file] = /^\s*(\d+) .*?(\S+\.test\.ts)$/.exec(line.trim()) ?? [];
    return file === undefined ? [] : [{ pid: Number(pid), file }];
  });
}
