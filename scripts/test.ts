/** npm test: every tier. `check` = static checks and unit tests; `unit`, `integration`, `lab [FILE ...]` = that tier alone. */

import { formatDuration } from "../common/units.ts";
import { buildPrograms } from "./build.ts";
import { runLabTier } from "./lab-tests.ts";
import { runNativeTier } from "./native-tests.ts";
import { setUp } from "./setup.ts";
import { runStaticChecks } from "./static-checks.ts";
import { addCounts, noTests, showCounts, type TestCounts } from "./test-counts.ts";

const selections: Record<string, readonly string[]> = {
  all: ["static", "unit", "integration", "lab"],
  check: ["static", "unit"],
  unit: ["unit"],
  integration: ["integration"],
  lab: ["lab"],
};

async function main([selection = "all", ...files]: readonly string[]): Promise<number> {
  const tiers = selections[selection];
  if (tiers === undefined) {
    console.error(`usage: test.ts [${Object.keys(selections).join(" | ")}]`);
    return 2;
  }
  if (tiers.some((tier) => tier === "integration" || tier === "lab")) {
    if (!setUp("test")) return 1;
    await buildPrograms();
  }
  const started = performance.now();
  let counts = noTests;
  const failures: string[] = [];
  for (const tier of tiers) {
    console.log(`\n== ${tier}`);
    if (tier === "static") {
      failures.push(...runStaticChecks());
      continue;
    }
    const found = await runTier(tier, files);
    console.log(`\n${tier}: ${showCounts(found)}`);
    if (found.passed + found.failed === 0) failures.push(`${tier}: no test ran`);
    if (found.failed > 0) failures.push(`${tier}: ${found.failed} failed`);
    counts = addCounts(counts, found);
  }
  console.log(
    `\n== ${failures.length === 0 ? "all is well" : "FAILED"}, after ${formatDuration(performance.now() - started)}`,
  );
  for (const failure of failures) console.log(`  ${failure}`);
  console.log(showCounts(counts));
  return failures.length === 0 ? 0 : 1;
}

async function runTier(tier: string, files: readonly string[]): Promise<TestCounts> {
  if (tier === "unit" || tier === "integration") return runNativeTier(tier);
  return runLabTier(files);
}

process.exitCode = await main(process.argv.slice(2));
