import assert from "node:assert/strict";
import { truncateSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { filesystemKinds } from "../../../agent/filesystem/kind.ts";
import { checkBtrfs, makeBtrfs, readBtrfsSuperblock } from "../../../agent/tools/btrfs.ts";
import { FilesystemError } from "../../../agent/tools/filesystem.ts";
import { makeExec, mustRead } from "../../../common/exec.ts";
import { scratch, writeFile } from "./scratch.ts";

const { exec } = makeExec();
const signal = new AbortController().signal;
/** The smallest volume, without its LUKS2 header. */
const bytes = 240 * 2 ** 20;

async function number(file: string, field: string): Promise<number> {
  const args = ["inspect-internal", "dump-super", file];
  const said = (await mustRead(exec, { file: "btrfs", args })).toString();
  return Number(new RegExp(`^${field}\\s+(\\d+)$`, "m").exec(said)?.[1]);
}

/** Both copies, wherever they are: the root of trees is written where the superblock says, by addresses that chunks translate. */
async function damageMetadata(file: string): Promise<void> {
  const treeRoot = await number(file, "root");
  const header = Buffer.alloc(8);
  header.writeBigUInt64LE(BigInt(treeRoot));
  const image = await open(file, "r+");
  try {
    const block = Buffer.alloc(4096);
    for (let at = 2 ** 20; at < bytes; at += block.length) {
      await image.read(block, 0, block.length, at);
      // struct btrfs_header: 32 bytes of checksum, 16 of the file system's uuid, then the block's own address
      if (block.subarray(48, 56).equals(header)) await image.write(Buffer.alloc(64, 0xff), 0, 64, at + 200);
    }
  } finally {
    await image.close();
  }
}

test("a btrfs file system as it is made, looked at and broken", async (context) => {
  const file = join(scratch(context), "image");
  writeFile(file, "");
  truncateSync(file, bytes);
  assert.equal(await readBtrfsSuperblock(exec, file, signal), undefined);
  await makeBtrfs(exec, file, signal);
  const superblock = await readBtrfsSuperblock(exec, file, signal);
  assert.equal(superblock?.clean, true);
  await checkBtrfs(exec, file, signal);
  assert.equal(await filesystemKinds.btrfs.repair(exec, file, signal), true);

  // 16 bytes of the first superblock, which is what mounts look at; there is another at 64 MiB
  const image = await open(file, "r+");
  await image.write(Buffer.alloc(16, 0xff), 0, 16, 65_536 + 128);
  await image.close();
  assert.equal(await readBtrfsSuperblock(exec, file, signal), undefined);
  assert.equal(await filesystemKinds.btrfs.repair(exec, file, signal), false);
  assert.deepEqual(await readBtrfsSuperblock(exec, file, signal), superblock);

  await damageMetadata(file);
  await assert.rejects(checkBtrfs(exec, file, signal), (error) => {
    assert.ok(error instanceof FilesystemError);
    assert.match(error.message, /^btrfs check found errors: /);
    return true;
  });
  // it would be a gamble with what is left
  await assert.rejects(filesystemKinds.btrfs.repair(exec, file, signal), /may make that worse/);
});

test("no file, and a file of something else", async (context) => {
  const directory = scratch(context);
  writeFile(join(directory, "noise"), Buffer.alloc(1 << 20, "fsid\t\tx\nlog_root\t\t0\n"));
  assert.equal(await readBtrfsSuperblock(exec, join(directory, "noise"), signal), undefined);
  await assert.rejects(readBtrfsSuperblock(exec, join(directory, "none"), signal), { code: "tool_failed" });
});
