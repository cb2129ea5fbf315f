import assert from "node:assert/strict";
import { test } from "node:test";
import { toSortable } from "../../../agent/look/sortable-path.ts";
import { VersionCollector } from "../../../agent/look/versions.ts";
import type { FoundPath } from "../../../proto/gen/luksmith/v1/looking.ts";

const names = ["s0", "s1", "s2", "s3"];

function collect(...records: string[]): FoundPath[] {
  const collector = new VersionCollector(names);
  const found = records.map((record) => collector.push(toSortable(Buffer.from(record)).toString("latin1")));
  return [...found, collector.flush()].filter((each) => each !== undefined);
}

const brief = ({ path, versions, goneIn }: FoundPath) => [
  `${path}`,
  ...versions.map(({ size, snapshots }) => `${size}: ${snapshots.join(" ")}`),
  `gone in ${goneIn || "none"}`,
];

test("a file that is the same in all of them is one version", () => {
  const found = collect(...names.map((_name, place) => `./a//00000${place} f 5 1.0`));
  assert.deepEqual(found.map(brief), [["a", "5: s0 s1 s2 s3", "gone in none"]]);
});

test("a change, a gap and an end are seen", () => {
  const found = collect("./a//000000 f 5 1.0", "./a//000002 f 5 1.0", "./b/c//000001 f 6 1.0", "./b/c//000002 f 6 2.0");
  assert.deepEqual(found.map(brief), [
    ["a", "5: s0", "5: s2", "gone in s3"],
    ["b/c", "6: s1", "6: s2", "gone in s3"],
  ]);
});

test("nothing is nothing", () => {
  assert.deepEqual(collect(), []);
});
