import assert from "node:assert/strict";
import { test } from "node:test";
import { parseScrub, parseUsage } from "../../../agent/tools/btrfs-scrub.ts";

const scrubbed = (figures: Record<string, number>, status = "finished") => {
  const none = { read_errors: 0, csum_errors: 0, verify_errors: 0, super_errors: 0, corrected_errors: 0 };
  const all = { data_bytes_scrubbed: 20971520, tree_bytes_scrubbed: 688128, ...none, no_csum: 3, ...figures };
  return [
    "scrub done for 0da07772-27d9-45a5-bb5f-cbd2f1411fdc",
    "Scrub started:    Sat Nov 28 04:52:25 2026",
    `Status:           ${status}`,
    "Duration:         0:00:00",
    ...Object.entries(all).map(([name, figure]) => `\t${name}: ${figure}`),
  ].join("\n");
};

test("a scrub's figures", () => {
  const sound = { bytes: 20971520 + 688128, unreadable: 0, wrong: 0, superblocks: 0, mended: 0 };
  assert.deepEqual(parseScrub(scrubbed({})), sound);
  assert.deepEqual(parseScrub(scrubbed({ csum_errors: 2, verify_errors: 1 })), { ...sound, wrong: 3 });
  const broken = { read_errors: 4, super_errors: 1, corrected_errors: 2 };
  assert.deepEqual(parseScrub(scrubbed(broken)), { ...sound, unreadable: 4, superblocks: 1, mended: 2 });
});

test("a scrub that did not come to its end, or says something else", () => {
  for (const status of ["aborted", "interrupted", "running"]) assert.equal(parseScrub(scrubbed({}, status)), undefined);
  assert.equal(parseScrub(scrubbed({}).replace("csum_errors", "sum_errors")), undefined);
  assert.equal(parseScrub(""), undefined);
});

test("how much there is to read", () => {
  const said = `Data, single: total=75497472, used=21155840
System, DUP: total=41943040, used=16384
Metadata, DUP: total=33554432, used=425984
GlobalReserve, single: total=5767168, used=0
`;
  assert.equal(parseUsage(said), 21155840 + 2 * (16384 + 425984));
  assert.equal(parseUsage("Data+Metadata, single: total=8, used=5\n"), 5);
  assert.equal(parseUsage(""), 0);
});
