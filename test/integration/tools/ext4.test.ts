import assert from "node:assert/strict";
import { truncateSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { checkExt4, growExt4, hasJournalToReplay, makeExt4, readSuperblock } from "../../../agent/tools/ext4.ts";
import { makeExec, mustRead, mustRun } from "../../../common/exec.ts";
import { scratch, writeFile } from "./scratch.ts";

const { exec } = makeExec();
const signal = new AbortController().signal;
const uuid = "0b8a2c3e-5d0b-4a3c-9c1e-6a2a8f5b7d11";
const bytes = 16 * 2 ** 20;

async function field(file: string, name: string): Promise<string | undefined> {
  const stdout = await mustRead(exec, { file: "dumpe2fs", args: ["-h", file] });
  return new RegExp(`^${name}:[ \\t]+(.*)$`, "m").exec(stdout.toString())?.[1];
}

test("a file system as it is made, looked at, broken, mended and grown", async (context) => {
  const file = join(scratch(context), "image");
  writeFile(file, "");
  truncateSync(file, bytes);
  assert.equal(await readSuperblock(exec, file, signal), undefined);

  await makeExt4(exec, file, bytes, uuid, signal);
  assert.deepEqual(await readSuperblock(exec, file, signal), { uuid, clean: true });
  // times to the nanosecond, and beyond 2038
  assert.equal(await field(file, "Inode size"), "256");
  assert.equal(await field(file, "Reserved block count"), "0");
  assert.ok(await checkExt4(exec, file, "look", signal));

  // a block bitmap that says something else than the files do
  const break_ = { file: "debugfs", args: ["-w", "-R", "freeb 1 40", file] };
  await mustRun(exec, break_);
  await assert.rejects(checkExt4(exec, file, "look", signal), { code: "tool_failed" });
  assert.equal(await checkExt4(exec, file, "full", signal), false);
  assert.ok(await checkExt4(exec, file, "full", signal));

  truncateSync(file, 2 * bytes);
  // resize2fs wants that of one that is not mounted
  await checkExt4(exec, file, "full", signal);
  await growExt4(exec, file, signal);
  assert.equal(await field(file, "Block count"), `${(2 * bytes) / Number(await field(file, "Block size"))}`);
  assert.deepEqual(await readSuperblock(exec, file, signal), { uuid, clean: true });
});

test("one that was not cleanly unmounted", async (context) => {
  const file = join(scratch(context), "image");
  writeFile(file, "");
  truncateSync(file, bytes);
  await makeExt4(exec, file, bytes, uuid, signal);
  await mustRun(exec, { file: "debugfs", args: ["-w", "-R", "feature needs_recovery", file] });
  assert.deepEqual(await readSuperblock(exec, file, signal), { uuid, clean: false });
  assert.ok(!(await hasJournalToReplay(exec, file, signal)));
  const write = "jo\njw -b 100 /etc/passwd\njc\n";
  await mustRun(exec, { file: "debugfs", args: ["-w", "-f", "-", file], stdin: write });
  assert.ok(await hasJournalToReplay(exec, file, signal));
});

test("no file, and a file of something else", async (context) => {
  const directory = scratch(context);
  writeFile(join(directory, "noise"), Buffer.alloc(1 << 20, "Filesystem UUID: x\nFilesystem state: clean\n"));
  for (const name of ["none", "noise"])
    assert.equal(await readSuperblock(exec, join(directory, name), signal), undefined);
});
