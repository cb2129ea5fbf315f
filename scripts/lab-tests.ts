/** The lab tier: two virtual machines take the test files from one queue, the longest first. */

import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { hasErrno, LuksmithError } from "../common/errors.ts";
import { formatDuration } from "../common/units.ts";
import { savedVolumesVariable } from "../test/lab/harness/saved-volumes.ts";
import { SharedMachine } from "../test/lab/harness/shared-machine.ts";
import { bundleForLab } from "./lab-bundle.ts";
import { SourceLocations } from "./source-locations.ts";
import { addCounts, noTests, parseTapCounts, showCounts, type TestCounts } from "./test-counts.ts";

const machines = 2;
/** Two machines with one processor each get more done on two cores than with two each, and far more than one alone. */
const cpusPerMachine = Math.max(1, Math.floor(availableParallelism() / machines));
/** The longest file takes a twentieth of that on a quiet machine, and several times as long on a busy one. */
const fileDeadlineMs = 20 * 60_000;
/** So that no long one begins when the other machine is done; what is not named is short. */
const longestFirst = [
  "service-end",
  "service",
  "resize",
  "own-restore",
  "full-volume",
  "agent-stop",
  "thinning",
  "backup",
  "verify",
  "lock",
];

interface LabTest {
  readonly source: string;
  readonly bundle: string;
}

/** @param names only these files, when given */
export async function runLabTier(names: readonly string[], signal: AbortSignal): Promise<TestCounts> {
  const all = globSync("test/lab/{,faults/}*.test.ts").toSorted((a, b) => rank(a) - rank(b));
  const sources = names.length === 0 ? all : all.filter((file) => names.includes(file));
  if (sources.length === 0) return noTests;
  const bundles = await bundleForLab(sources);
  const queue: LabTest[] = sources.map((source, index) => ({ source, bundle: bundles[index] ?? "" }));
  const out = mkdtempSync(join(tmpdir(), "luksmith-lab-out-"));
  try {
    const workers = Array.from({ length: Math.min(machines, queue.length) }, () => workThrough(queue, out, signal));
    // the others have to be done with `out` before it goes
    const ended = await Promise.allSettled(workers);
    return ended.map(settledValue).reduce(addCounts, noTests);
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

/** One machine for all that this one takes from the queue. */
async function workThrough(queue: LabTest[], out: string, signal: AbortSignal): Promise<TestCounts> {
  let counts = noTests;
  await using machines = new SharedMachine({ out, cpus: cpusPerMachine, signal });
  for (let test = queue.shift(); test !== undefined; test = queue.shift()) {
    const ofThis = await runOne(test, out, machines, signal);
    counts = addCounts(counts, ofThis);
    if (ofThis.failed > 0) await machines.giveUp();
    for (const left of await machines.inspect())
      console.log(`  lab: another machine, since ${test.source} left: ${left}`);
  }
  return counts;
}

/** @throws the signal's reason; what goes wrong with the machine is a failed test */
async function runOne(
  { source, bundle }: LabTest,
  out: string,
  machines: SharedMachine,
  signal: AbortSignal,
): Promise<TestCounts> {
  const startedAt = performance.now();
  const report = `${basename(bundle)}.tap`;
  const printed: string[] = [];
  const locations = new SourceLocations();
  const keep = locations.line((text) => printed.push(text));
  let exitCode: number | undefined;
  let booted = "";
  try {
    const { machine, bootMs } = await machines.get((line) => console.log(`  ${line} (${basename(source)})`));
    if (bootMs !== undefined) booted = `, ${formatDuration(bootMs)} of it the boot`;
    exitCode = await machine.run({
      argv: [
        ...["node", "--test", "--test-isolation=none"],
        ...["--test-reporter=spec", "--test-reporter-destination=stdout"],
        ...["--test-reporter=tap", `--test-reporter-destination=/out/${report}`, bundle],
      ],
      freshRoot: true,
      env: { [savedVolumesVariable]: "yes" },
      onStdout: keep,
      onStderr: keep,
      deadlineMs: fileDeadlineMs,
    });
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof LuksmithError)) throw error;
    printed.push(`error: ${error.message}\n`, error.hint === undefined ? "" : `hint: ${error.hint}\n`);
  }
  const counts = judge(readReport(join(out, report)), exitCode);
  const took = formatDuration(performance.now() - startedAt);
  console.log(`  ${counts.failed > 0 ? "FAILED" : "ok    "} ${source}: ${showCounts(counts)}, ${took}${booted}`);
  if (counts.failed > 0) console.log(printed.join("").replace(/^/gm, "    "));
  return counts;
}

/** A report without an end, or a runner that failed without a failed test, is a failure of its own. */
function judge(report: TestCounts | undefined, exitCode: number | undefined): TestCounts {
  const counts = report ?? noTests;
  const unexplained = exitCode !== 0 && counts.failed === 0;
  const nothingRan = counts.passed + counts.failed + counts.skipped === 0;
  return unexplained || nothingRan ? { ...counts, failed: counts.failed + 1 } : counts;
}

function readReport(path: string): TestCounts | undefined {
  try {
    return parseTapCounts(readFileSync(path, "utf8"));
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

function settledValue<T>(settled: PromiseSettledResult<T>): T {
  if (settled.status === "rejected") throw settled.reason;
  return settled.value;
}

function rank(file: string): number {
  const at = longestFirst.indexOf(basename(file, ".test.ts"));
  return at === -1 ? longestFirst.length : at;
}
