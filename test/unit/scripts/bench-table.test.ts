import assert from "node:assert/strict";
import { test } from "node:test";
import { results, withResults } from "../../../scripts/bench-document.ts";
import { benchTables, failures, type Measurement, timesAsLong, whereSlower } from "../../../scripts/bench-table.ts";

const measured = (tool: string, row: string, seconds: number, more: Partial<Measurement> = {}): Measurement => ({
  set: "many small files (10 of 6 kB)",
  tool,
  row,
  rttMs: 20,
  seconds,
  sent: 1_500_000,
  received: 40_000,
  memory: 42_400_000,
  ...more,
});

test("a row for what is done, a column for each tool, and of several the quickest", () => {
  const tables = benchTables([
    measured("by hand", "first backup", 9),
    measured("luksmith sshfs", "first backup", 5.5),
    measured("luksmith sshfs", "first backup", 5.04, { sent: 2_000_000, opening: 1.26 }),
    measured("by hand", "restore of all", 4),
    measured("by hand", "restore of all", 1, { rttMs: 50 }),
    measured("by hand", "restore of all", 2, { set: "a few big files" }),
  ]);
  assert.match(tables, /^### Many small files \(10 of 6 kB\)\n\n\*\*20 ms round trip\*\*/);
  assert.match(
    tables,
    /\| first backup \| \*\*9\.0\*\*; 1\.5 \/ 0\.0; 42 \| \*\*5\.0\*\* \(1\.3\); 2\.0 \/ 0\.0; 42 \|/,
  );
  assert.match(tables, /\| restore of all \| \*\*4\.0\*\*; 1\.5 \/ 0\.0; 42 \| – \|/);
  assert.equal(tables.match(/round trip\*\*/g)?.length, 3);
});

test("what failed once is not hidden by what did not, and is told", () => {
  const two = [measured("borg", "first backup", 3), measured("borg", "first backup", 1, { failed: "no\nroom" })];
  assert.match(benchTables(two), /\| first backup \| failed \|/);
  assert.equal(failures(two), "- borg, first backup, many small files (10 of 6 kB), 20 ms: no room");
});

test("where luksmith is slower is said, of whom, and by what measure", () => {
  const all = [
    measured("luksmith sshfs", "nothing changed", 7, { opening: 2 }),
    measured("luksmith direct", "nothing changed", 5),
    measured("restic", "nothing changed", 6),
    measured("borg", "nothing changed", 15),
    measured("rsync", "nothing changed", 2),
    measured("luksmith sshfs", "first backup", 7),
    measured("restic", "first backup", 1, { failed: "no room" }),
  ];
  assert.equal(
    whereSlower(all, ["restic", "borg"]),
    "- many small files (10 of 6 kB), 20 ms, nothing changed: luksmith sshfs 7.0 s (2.0 of them until the image was opened), restic 6.0 s",
  );
});

test("how much longer the recipe takes", () => {
  const all = [
    measured("by hand", "first backup", 30),
    measured("luksmith sshfs", "first backup", 20),
    measured("luksmith direct", "first backup", 1, { failed: "not yet" }),
    measured("restic", "first backup", 10),
  ];
  assert.equal(
    timesAsLong(all, "by hand", "first backup"),
    "- many small files (10 of 6 kB), 20 ms: 1.5 × luksmith sshfs",
  );
});

test("the document keeps what was written by hand around the results", () => {
  const document = "# Title\n\n<!-- bench -->\nold\n<!-- /bench -->\n\nWhy.\n";
  const text = results({
    measurements: [measured("by hand", "first backup", 9)],
    command: "npm run bench",
    versions: { luksmith: "1.2.3", restic: "0.14.0" },
    programStartMs: { here: 15.04, lab: 93.2 },
    nbdServerStartMs: { here: 452, lab: 7120 },
  });
  const made = withResults(document, text);
  assert.ok(made.startsWith("# Title\n\n<!-- bench -->\nMade by `npm run bench` of luksmith 1.2.3, restic 0.14.0."));
  assert.match(made, /93 ms in the lab, and 15\.0 ms on/);
  assert.match(made, /nbd-server took 7\.1 s to its first word, and 0\.45 s\./);
  assert.ok(made.endsWith("\n<!-- /bench -->\n\nWhy.\n"));
  assert.doesNotMatch(made, /old|What failed/);
  assert.equal(withResults(made, text), made);
  assert.throws(() => withResults("# Title\n", text), /no section/);
});
