import assert from "node:assert/strict";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { removeMountPoint } from "../../../agent/stack/mount-point.ts";
import { scratch } from "../tools/scratch.ts";

test("a mount point goes, and one that is gone is no failure", async (t) => {
  const directory = join(scratch(t), "remote");
  mkdirSync(directory);
  await removeMountPoint(directory);
  assert.equal(existsSync(directory), false);
  await removeMountPoint(directory);
});

test("with it goes what was to be written on the host, and was written here since the mount had vanished", async (t) => {
  const directory = join(scratch(t), "remote");
  mkdirSync(directory);
  writeFileSync(join(directory, "home.luks.lease"), "{}");
  await removeMountPoint(directory);
  assert.equal(existsSync(directory), false);
});

test("directories in it are not of our making, and stay", async (t) => {
  const directory = join(scratch(t), "remote");
  mkdirSync(join(directory, "somebody's"), { recursive: true });
  await assert.rejects(removeMountPoint(directory), { code: "ENOTEMPTY" });
  assert.ok(existsSync(join(directory, "somebody's")));
});
