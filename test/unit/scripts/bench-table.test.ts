import assert from "node:assert/strict";
import { test } from "node:test";
import { benchTables, type Measurement } from "../../../scripts/bench-table.ts";

const measured = (tool: string, row: string, seconds: number, more: Partial<Measurement> = {}): Measurement => ({
  tool,
  row,
  rttMs: 20,
  seconds,
  sent: 1_500_000,
  received: 40_000,
  ...more,
});

test("a row for what is done, a column for each tool, and of several the quickest", () => {
  const tables = benchTables([
    measured("by hand", "create", 9),
    measured("luksmith", "create", 5.5),
    measured("luksmith", "create", 5.04, { sent: 2_000_000 }),
    measured("by hand", "backup", 4),
  ]);
  assert.match(tables, /^\*\*20 ms round trip\*\*/);
  assert.match(tables, /\| create \| 9\.0 \(1\.5 \/ 0\.0\) \| 5\.0 \(2\.0 \/ 0\.0\) \|/);
  assert.match(tables, /\| backup \| 4\.0 \(1\.5 \/ 0\.0\) \| – \|/);
});

test("what failed once is not hidden by what did not", () => {
  const tables = benchTables([measured("borg", "create", 3), measured("borg", "create", 1, { failed: "no room" })]);
  assert.match(tables, /\| create \| failed \|/);
});
