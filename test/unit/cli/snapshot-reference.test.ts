import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSnapshotReference } from "../../../cli/snapshot-reference.ts";

const good: [text: string, job: string, snapshot: string][] = [
  ["home", "home", ""],
  ["0_a-b", "0_a-b", ""],
  [`a${"b".repeat(31)}`, `a${"b".repeat(31)}`, ""],
  ["home@latest", "home", "latest"],
  ["home@2026-11-23T02-00-00Z", "home", "2026-11-23T02-00-00Z"],
  ["home@2026-11-23", "home", "2026-11-23"],
  ["home@2026-11-23T02:00:00Z", "home", "2026-11-23T02:00:00Z"],
  ["home@2026-11-23T02:00:00.5+01:00", "home", "2026-11-23T02:00:00.5+01:00"],
  ["home@2026-11-23 02:00", "home", "2026-11-23T02:00"],
  ["home@2026-11-23T02-00-00Z.partial", "home", "2026-11-23T02-00-00Z.partial"],
];

for (const [text, job, snapshot] of good) {
  test(`${text} is ${job} and "${snapshot}"`, () => {
    assert.deepEqual(parseSnapshotReference(text), { job, snapshot });
  });
}

const bad = [
  "",
  "@latest",
  "home@",
  "Home",
  "-home",
  "_home",
  "home/x",
  "../home",
  "home:x",
  "ho me",
  "home\n",
  `a${"b".repeat(32)}`,
  "home@-x",
  "home@../x",
  "home@a..b",
  "home@a/b",
  "home@a\nb",
  "home@a@b",
  "home@2026-11-23  02:00",
  `home@${"1".repeat(65)}`,
];

for (const text of bad) {
  test(`${JSON.stringify(text)} is refused`, () => {
    assert.throws(() => parseSnapshotReference(text), { name: "LuksmithError", code: "usage" });
  });
}
