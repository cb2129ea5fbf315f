import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDmTables, parseMirrorWhole, parseSnapshotUse } from "../../../agent/tools/dmsetup.ts";

test("the lines of `dmsetup table`", () => {
  const text = [
    "luksmith-home: 0 581632 crypt aes-xts-plain64 :64:logon:cryptsetup:0-d0 0 253:0 32768 1 sector_size:4096",
    "luksmith-home.image: 0 614400 linear 7:0 0",
    "data: 0 8 linear 8:1 2048",
    "data: 8 8 error ",
    "",
  ].join("\n");
  assert.deepEqual(parseDmTables(text), [
    {
      name: "luksmith-home",
      start: 0,
      sectors: 581_632,
      target: "crypt",
      args: ["aes-xts-plain64", ":64:logon:cryptsetup:0-d0", "0", "253:0", "32768", "1", "sector_size:4096"],
    },
    { name: "luksmith-home.image", start: 0, sectors: 614_400, target: "linear", args: ["7:0", "0"] },
    { name: "data", start: 0, sectors: 8, target: "linear", args: ["8:1", "2048"] },
    { name: "data", start: 8, sectors: 8, target: "error", args: [] },
  ]);
});

test("none, and a device without a table", () => {
  for (const text of ["", "\n", "No devices found\n", "luksmith-home: \n", "luksmith-home:\n"]) {
    assert.deepEqual(parseDmTables(text), [], JSON.stringify(text));
  }
});

test("names with colons keep them; dmsetup writes other characters as \\x20", () => {
  assert.deepEqual(
    parseDmTables("a:b: 0 1 zero \na\\x20b: 0 1 zero \n").map((target) => target.name),
    ["a:b", "a\\x20b"],
  );
});

test("how much of a snapshot is in use, and that it is none any more", () => {
  assert.deepEqual(parseSnapshotUse("0 376832 snapshot 1056/390912 16\n"), { sectors: 1056, metadataSectors: 16 });
  assert.deepEqual(parseSnapshotUse("0 376832 snapshot-merge 16/390912 16\n"), { sectors: 16, metadataSectors: 16 });
  for (const said of ["Invalid", "Overflow", "Merge failed", "Unknown"]) {
    assert.equal(parseSnapshotUse(`0 376832 snapshot ${said}\n`), undefined);
  }
  assert.equal(parseSnapshotUse("0 8 linear 7:0 0"), undefined);
});

test("a mirror is whole while none of its two places has failed", () => {
  assert.ok(parseMirrorWhole("0 32768 mirror 2 7:1 7:0 32/32 1 AA 1 core\n"));
  for (const said of ["0 32768 mirror 2 7:1 7:0 31/32 1 AD 1 core", "0 32768 mirror 2 7:1 7:0 32/32 1 DA 1 core", ""]) {
    assert.ok(!parseMirrorWhole(said), said);
  }
});
