import assert from "node:assert/strict";
import { test } from "node:test";
import { whyNotMounted } from "../../../agent/tools/mount.ts";

const failed = { exitCode: 32, stdout: Buffer.alloc(0) };

test("why a file system is not mounted is what mount says before it names dmesg", () => {
  const stderr =
    "mount: /run/x: can't read superblock on /dev/dm-1.\n       dmesg(1) may have more information after failed mount system call.\n";
  assert.equal(whyNotMounted({ ...failed, stderr }), "/run/x: can't read superblock on /dev/dm-1");
  assert.equal(whyNotMounted({ ...failed, stderr: "" }), "exit code 32");
});
