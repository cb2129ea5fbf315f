import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { syncDirectory, writeFileDurably } from "../../../common/durable-file.ts";
import { scratch } from "../tools/scratch.ts";

const modeOf = (path: string) => (statSync(path).mode & 0o7777).toString(8);

test("text and bytes, with the mode that was asked for whatever the umask says", async (context) => {
  const directory = scratch(context);
  const umask = process.umask(0o077);
  context.after(() => process.umask(umask));
  await writeFileDurably(join(directory, "a"), "Übung\n", 0o644);
  assert.equal(readFileSync(join(directory, "a"), "utf8"), "Übung\n");
  assert.equal(modeOf(join(directory, "a")), "644");
  await writeFileDurably(join(directory, "b"), Buffer.from([0, 255]), 0o600);
  assert.deepEqual(readFileSync(join(directory, "b")), Buffer.from([0, 255]));
  assert.equal(modeOf(join(directory, "b")), "600");
  assert.deepEqual(readdirSync(directory).sort(), ["a", "b"]);
});

test("directories are made, for their owner alone", async (context) => {
  const directory = scratch(context);
  await writeFileDurably(join(directory, "x", "y", "file"), "", 0o600);
  assert.equal(modeOf(join(directory, "x")), "700");
  assert.equal(modeOf(join(directory, "x", "y")), "700");
});

test("what was there before is replaced, and so is what an interrupted writing left", async (context) => {
  const path = join(scratch(context), "file");
  writeFileSync(path, "old and longer", { mode: 0o644 });
  writeFileSync(`${path}.new`, "half of something much longer", { mode: 0o666 });
  await writeFileDurably(path, "new", 0o600);
  assert.equal(readFileSync(path, "utf8"), "new");
  assert.equal(modeOf(path), "600");
  assert.ok(!existsSync(`${path}.new`));
});

test("where it cannot be written, what was there stays", async (context) => {
  const directory = scratch(context);
  const path = join(directory, "file");
  writeFileSync(path, "old");
  mkdirSync(`${path}.new`);
  await assert.rejects(writeFileDurably(path, "new", 0o600), { code: "EISDIR" });
  assert.equal(readFileSync(path, "utf8"), "old");
});

test("a directory that is not there cannot be synced", async (context) => {
  await assert.rejects(syncDirectory(join(scratch(context), "none")), { code: "ENOENT" });
});
