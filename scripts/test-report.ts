/** What node's test runner has said in the lab, and whether that can be believed. */

import { readFileSync } from "node:fs";
import { hasErrno } from "../common/errors.ts";
import { noTests, parseTapCounts, type TestCounts } from "./test-counts.ts";

/** For a person on standard output, and as TAP in a file. Paths are the guest's. */
export function testCommand(bundle: string, report: string): string[] {
  return [
    ...["node", "--test", "--test-isolation=none"],
    ...["--test-reporter=spec", "--test-reporter-destination=stdout"],
    ...["--test-reporter=tap", `--test-reporter-destination=${report}`, bundle],
  ];
}

/**
 * A report without an end, or a runner that failed without a failed test, is a failure of its own.
 * @param path of the report, which may not be there
 */
export function judgeReport(path: string, exitCode: number): TestCounts {
  const counts = parseTapCounts(readReport(path)) ?? noTests;
  const unexplained = exitCode !== 0 && counts.failed === 0;
  const nothingRan = counts.passed + counts.failed + counts.skipped === 0;
  return unexplained || nothingRan ? { ...counts, failed: counts.failed + 1 } : counts;
}

/** @returns nothing where there is nothing */
export function readReport(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return "";
    throw error;
  }
}
