/**
 * npm test: every tier but `long`. `check` = static checks and unit tests; `unit`, `integration`, `lab [FILE ...]`, `long` = that
 * tier alone.
 */

import { formatDuration } from "../common/units.ts";
import { buildPrograms } from "./build.ts";
import { interruptible } from "./interruptible.ts";
import { runLabTier } from "./lab-tests.ts";
import { runNativeTier } from "./native-tests.ts";
import { setUp } from "./setup.ts";
import { runStaticChecks } from "./static-checks.ts";
import { addCounts, noTests, showCounts, type TestCounts } from "./test-counts.ts";

const selections: Record<string, readonly Tier[]> = {
  all: ["static", "unit", "integration", "lab"],
  check: ["static", "unit"],
  unit: ["unit"],
  integration: ["integration"],
  lab: ["lab"],
  long: ["long"],
};

type Tier = "static" | "unit" | "integration" | "lab" | "long";

async function main(signal: AbortSignal): Promise<number> {
  const [selection = "all", ...files] = process.argv.slice(2);
  const tiers = selections[selection];
  if (tiers === undefined) {
    console.error(`usage: test.ts [${Object.keys(selections).join(" | ")}]`);
    return 2;
  }
  if (tiers.some((tier) => tier !== "static" && tier !== "unit")) {
    if (!setUp("test")) return 1;
    await buildPrograms();
  }
  const startedAt = performance.now();
  let counts = noTests;
  const failures: string[] = [];
  for (const tier of tiers) {
    const tierStartedAt = performance.now();
    const took = () => formatDuration(performance.now() - tierStartedAt);
    console.log(`\n== ${tier}`);
    if (tier === "static") {
      failures.push(...(await runStaticChecks()));
      console.log(`static: ${took()}`);
      continue;
    }
    const found = await runTier(tier, files, signal);
    console.log(`${tier}: ${showCounts(found)}, ${took()}`);
    if (found.passed + found.failed === 0) failures.push(`${tier}: no test ran`);
    if (found.failed > 0) failures.push(`${tier}: ${found.failed} failed`);
    counts = addCounts(counts, found);
  }
  const verdict = failures.length === 0 ? "all is well" : "FAILED";
  console.log(`\n== ${verdict}, after ${formatDuration(performance.now() - startedAt)}`);
  for (const failure of failures) console.log(`  ${failure}`);
  if (tiers.some((tier) => tier !== "static")) console.log(showCounts(counts));
  return failures.length === 0 ? 0 : 1;
}

function runTier(tier: Exclude<Tier, "static">, files: readonly string[], signal: AbortSignal): Promise<TestCounts> {
  if (tier === "unit" || tier === "integration") return runNativeTier(tier, signal);
  return runLabTier(tier, files, signal);
}

process.exitCode = await interruptible(main);
