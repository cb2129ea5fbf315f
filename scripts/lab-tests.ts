/** The lab tier: two virtual machines take the test files from one queue, the longest first. */

import { globSync, mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { LuksmithError } from "../common/errors.ts";
import { formatDuration } from "../common/units.ts";
import type { GuestCommand, Machine } from "../test/lab/harness/machine.ts";
import { savedVolumesVariable } from "../test/lab/harness/saved-volumes.ts";
import { SharedMachine } from "../test/lab/harness/shared-machine.ts";
import { bundleForLab } from "./lab-bundle.ts";
import { losesPower, runPowerCutTest } from "./power-cut-test.ts";
import { SourceLocations } from "./source-locations.ts";
import { addCounts, noTests, showCounts, type TestCounts } from "./test-counts.ts";
import { judgeReport, testCommand } from "./test-report.ts";

const machines = 2;
/** Two machines with one processor each get more done on two cores than with two each, and far more than one alone. */
const cpusPerMachine = Math.max(1, Math.floor(availableParallelism() / machines));
/** The longest file takes a twentieth of that on a quiet machine, and several times as long on a busy one. */
const fileDeadlineMs = 20 * 60_000;
/** So that no long one begins when the other machine is done; what is not named is short. */
const longestFirst = [
  "backup-host",
  "first-act",
  "second-act",
  "btrfs",
  "own-backup",
  "service",
  "nbd",
  "reencrypt",
  "targets",
  "scrub",
  "checkpoints",
  "bad-input",
  "retention",
  "restore-again",
  "adopt",
  "drill",
  "cancel",
  "local",
  "lease",
  "controller-unit",
  "service-end",
];

interface LabTest {
  readonly source: string;
  readonly bundle: string;
}

type Output = Pick<GuestCommand, "onStdout" | "onStderr" | "deadlineMs">;

export type LabTier = "lab" | "long";

/** @param names only these files, when given, of whichever tier */
export async function runLabTier(tier: LabTier, names: readonly string[], signal: AbortSignal): Promise<TestCounts> {
  const all = globSync("test/lab/**/*.test.ts").toSorted((a, b) => rank(a) - rank(b));
  const sources = all.filter((file) => (names.length === 0 ? tierOf(file) === tier : names.includes(file)));
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
async function runOne(test: LabTest, out: string, machines: SharedMachine, signal: AbortSignal): Promise<TestCounts> {
  const { source, bundle } = test;
  const startedAt = performance.now();
  const printed: string[] = [];
  const locations = new SourceLocations();
  const keep = locations.line((text) => printed.push(text));
  const output = { onStdout: keep, onStderr: keep, deadlineMs: fileDeadlineMs };
  const say = (line: string) => console.log(`  ${line} (${basename(source)})`);
  let counts: TestCounts = { ...noTests, failed: 1 };
  let booted = "";
  try {
    let bootMs: number | undefined;
    if (losesPower(source)) {
      // memory is meant for as many machines at once as there are workers
      await machines.giveUp();
      const directory = mkdtempSync(join(out, "lives-"));
      ({ counts, bootMs } = await runPowerCutTest({
        bundle,
        directory,
        machine: { cpus: cpusPerMachine, signal, say },
        ...output,
      }));
    } else {
      const shared = await machines.get(say);
      bootMs = shared.bootMs;
      counts = await runShared(test, out, shared.machine, output);
    }
    if (bootMs !== undefined) booted = `, ${formatDuration(bootMs)} of it the boot`;
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof LuksmithError)) throw error;
    printed.push(`error: ${error.message}\n`, error.hint === undefined ? "" : `hint: ${error.hint}\n`);
  }
  const took = formatDuration(performance.now() - startedAt);
  console.log(`  ${counts.failed > 0 ? "FAILED" : "ok    "} ${source}: ${showCounts(counts)}, ${took}${booted}`);
  if (counts.failed > 0) console.log(printed.join("").replace(/^/gm, "    "));
  return counts;
}

async function runShared({ bundle }: LabTest, out: string, machine: Machine, output: Output): Promise<TestCounts> {
  const report = `${basename(bundle)}.tap`;
  const exitCode = await machine.run({
    argv: testCommand(bundle, `/out/${report}`),
    freshRoot: true,
    env: { [savedVolumesVariable]: "yes" },
    ...output,
  });
  return judgeReport(join(out, report), exitCode);
}

function settledValue<T>(settled: PromiseSettledResult<T>): T {
  if (settled.status === "rejected") throw settled.reason;
  return settled.value;
}

/** What takes long, and tries again in another way what the other tier has tried already. */
function tierOf(file: string): LabTier {
  return file.startsWith("test/lab/long/") ? "long" : "lab";
}

function rank(file: string): number {
  // has machines of its own: before there is another one
  if (losesPower(file)) return -1;
  const at = longestFirst.indexOf(basename(file, ".test.ts"));
  return at === -1 ? longestFirst.length : at;
}
