import assert from "node:assert/strict";
import { test } from "node:test";
import { parseBtrfsSuperblock, parseTreeUse } from "../../../agent/tools/btrfs.ts";

const uuid = "0b8a2c3e-5d0b-4a3c-9c1e-6a2a8f5b7d11";

function superblock(fields: { uuid?: string; csum?: string; logRoot?: string; devices?: string }): string {
  return [
    "superblock: bytenr=65536, device=/dev/dm-3",
    "---------------------------------------------------------",
    "csum_type\t\t0 (crc32c)",
    "csum_size\t\t4",
    `csum\t\t\t${fields.csum ?? "0xfa962a80 [match]"}`,
    "magic\t\t\t_BHRfS_M [match]",
    `fsid\t\t\t${fields.uuid ?? uuid}`,
    "metadata_uuid\t\t11111111-5d0b-4a3c-9c1e-6a2a8f5b7d11",
    "label\t\t\tfsid\t\t\t22222222-5d0b-4a3c-9c1e-6a2a8f5b7d11",
    `log_root\t\t${fields.logRoot ?? "0"}`,
    "log_root_transid (deprecated)\t7",
    "log_root_level\t\t1",
    `num_devices\t\t${fields.devices ?? "1"}`,
  ].join("\n");
}

test("nothing to replay", () => {
  assert.deepEqual(parseBtrfsSuperblock(superblock({})), { uuid, clean: true });
});

test("a log to replay", () => {
  assert.deepEqual(parseBtrfsSuperblock(superblock({ logRoot: "30605312" })), { uuid, clean: false });
});

test("a superblock that is damaged, or of a file system of several devices, is none of ours", () => {
  assert.equal(parseBtrfsSuperblock(superblock({ csum: "0xfa962a80 [DON'T MATCH]" })), undefined);
  assert.equal(parseBtrfsSuperblock(superblock({ devices: "2" })), undefined);
  for (const text of ["", `fsid\t\t\t${uuid}`, "log_root\t\t0"]) assert.equal(parseBtrfsSuperblock(text), undefined);
});

test("what a tree takes, and what of it is its own", () => {
  const said = `     Total   Exclusive  Set shared  Filename
   3158016       53248     3104768  ./srv/7 8 9 .
`;
  assert.deepEqual(parseTreeUse(said), { bytes: 3_158_016, ownBytes: 53_248 });
  assert.deepEqual(parseTreeUse("  0 0 - ./x\n"), { bytes: 0, ownBytes: 0 });
  assert.throws(() => parseTreeUse("     Total   Exclusive  Set shared  Filename\n"), { code: "tool_failed" });
});
