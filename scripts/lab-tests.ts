/** The lab tier: two virtual machines take the test files from one queue, the longest first. */

import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { formatDuration } from "../common/units.ts";
import { Machine } from "../test/lab/harness/machine.ts";
import { bundleForLab } from "./lab-bundle.ts";
import { addCounts, noTests, parseTapCounts, showCounts, type TestCounts } from "./test-counts.ts";

const machines = 2;
const fileDeadlineMs = 40 * 60_000;
/** Longest first, so that no long one begins when the other machine is done; what is not named is short. */
const longest = ["backup", "hostile", "volume", "runs", "people", "trouble"];

interface LabTest {
  readonly source: string;
  readonly bundle: string;
}

/** @param names only these files, when given */
export async function runLabTier(names: readonly string[] = []): Promise<TestCounts> {
  const all = globSync("test/lab/*.test.ts").toSorted((a, b) => rank(a) - rank(b));
  const sources = names.length === 0 ? all : all.filter((file) => names.includes(file));
  if (sources.length === 0) return noTests;
  const bundles = await bundleForLab(sources);
  const queue: LabTest[] = sources.map((source, index) => ({ source, bundle: bundles[index] ?? "" }));
  const workers = Array.from({ length: Math.min(machines, queue.length) }, () => workThrough(queue));
  return (await Promise.all(workers)).reduce(addCounts, noTests);
}

async function workThrough(queue: LabTest[]): Promise<TestCounts> {
  const out = mkdtempSync(join(tmpdir(), "luksmith-lab-out-"));
  let counts = noTests;
  try {
    for (let test = queue.shift(); test !== undefined; test = queue.shift()) {
      // a machine for each: no file can spoil the next one's, and one that dies takes only its own file along
      counts = addCounts(counts, await runOne(test, out));
    }
    return counts;
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

async function runOne({ source, bundle }: LabTest, out: string): Promise<TestCounts> {
  const started = performance.now();
  const report = `${basename(bundle)}.tap`;
  const printed: Buffer[] = [];
  let died: unknown;
  console.log(`  ${source} ...`);
  try {
    await using machine = await Machine.boot({ say: (line) => console.log(`  ${line}`), out });
    await machine.run({
      argv: [
        ...[process.execPath, "--test"],
        ...["--test-reporter=spec", "--test-reporter-destination=stdout"],
        ...["--test-reporter=tap", `--test-reporter-destination=/out/${report}`, bundle],
      ],
      onStdout: (piece) => printed.push(piece),
      onStderr: (piece) => printed.push(piece),
      deadlineMs: fileDeadlineMs,
    });
  } catch (error) {
    died = error;
  }
  const counts = readCounts(join(out, report)) ?? { passed: 0, failed: 1, skipped: 0 };
  const took = formatDuration(performance.now() - started);
  console.log(`  ${source}: ${showCounts(counts)}, ${took}`);
  if (counts.failed > 0) {
    console.log(Buffer.concat(printed).toString());
    if (died !== undefined) console.log(String(died));
  }
  return counts;
}

function readCounts(path: string): TestCounts | undefined {
  try {
    return parseTapCounts(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}

function rank(file: string): number {
  const at = longest.indexOf(basename(file, ".test.ts"));
  return at === -1 ? longest.length : at;
}
