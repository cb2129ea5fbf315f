import assert from "node:assert/strict";
import { chmodSync, chownSync, lchownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { firstOpenPath, walkPath } from "../../../agent/system/path-walk.ts";
import { makeExec } from "../../../common/exec.ts";

const alice = 1000;
const signal = new AbortController().signal;
const { exec } = makeExec();

/** A directory of root's with one of alice's in it, and links in both. */
function setUp(context: TestContext): string {
  assert.equal(process.getuid?.(), 0, "this test makes files of several users, so it runs as root");
  const root = mkdtempSync(join(tmpdir(), "luksmith-walk-"));
  context.after(() => rmSync(root, { recursive: true }));
  chmodSync(root, 0o755);
  mkdirSync(join(root, "own/deep"), { recursive: true });
  mkdirSync(join(root, "alice/deep"), { recursive: true });
  mkdirSync(join(root, "sticky"));
  chmodSync(join(root, "sticky"), 0o1777);
  writeFileSync(join(root, "own/program"), "");
  symlinkSync("own", join(root, "to-own"));
  symlinkSync(join(root, "alice/to-own"), join(root, "own/by-alice"));
  symlinkSync("../own", join(root, "alice/to-own"));
  symlinkSync(join(root, "own"), join(root, "sticky/alices"));
  symlinkSync(join(root, "own"), join(root, "sticky/roots"));
  symlinkSync("loop", join(root, "loop"));
  lchownSync(join(root, "sticky/alices"), alice, alice);
  for (const name of ["alice", "alice/deep"]) chownSync(join(root, name), alice, alice);
  lchownSync(join(root, "alice/to-own"), alice, alice);
  return root;
}

test("a path is walked as the kernel walks it, and who could change it is told", async (context) => {
  const root = setUp(context);
  const walked = async (path: string) => {
    const { real, missing, open, openLink } = await walkPath(exec, join(root, path), signal);
    const shown = (found: string | undefined) => found?.replace(`${root}/`, "");
    return [shown(real), missing.join("/"), shown(open), shown(openLink)];
  };
  const none = undefined;
  assert.deepEqual(await walked("own/deep"), ["own/deep", "", none, none]);
  assert.deepEqual(await walked("own//./deep/../deep/"), ["own/deep", "", none, none]);
  assert.deepEqual(await walked("own/new/er"), ["own", "new/er", none, none]);
  assert.deepEqual(await walked("to-own/deep"), ["own/deep", "", none, none]);
  assert.deepEqual(await walked("alice/deep/new"), ["alice/deep", "new", "alice", none]);
  // what it leads to is root's, and who leads there is not
  assert.deepEqual(await walked("alice/to-own/deep"), ["own/deep", "", "alice", "alice/to-own"]);
  assert.deepEqual(await walked("own/by-alice/deep"), ["own/deep", "", "alice", "alice/to-own"]);
  assert.deepEqual(await walked("sticky/alices/deep"), ["own/deep", "", "sticky/alices", "sticky/alices"]);
  assert.deepEqual(await walked("sticky/roots/deep"), ["own/deep", "", none, none]);
  await assert.rejects(walkPath(exec, join(root, "loop"), signal), /more than 40 links/);
  await assert.rejects(walkPath(exec, join(root, "own/program/x"), signal), /Not a directory/);
});

test("a file that others can write is theirs, too", async (context) => {
  const root = setUp(context);
  const program = join(root, "own/program");
  assert.equal(await firstOpenPath(exec, program, signal), undefined);
  chmodSync(program, 0o775);
  assert.equal(await firstOpenPath(exec, program, signal), program);
  await assert.rejects(firstOpenPath(exec, `${program}s`, signal), /is not there/);
});
