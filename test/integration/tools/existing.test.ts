import assert from "node:assert/strict";
import { chmodSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { existing } from "../../../agent/tools/existing.ts";
import { type Command, makeExec } from "../../../common/exec.ts";
import { at, latin1, nobody, oddNames, rootOnly, scratch, sorted, writeFile } from "./scratch.ts";

const { exec } = makeExec();
const signal = new AbortController().signal;

async function found(cwd: string, paths: readonly Buffer[], as: Command["as"] = undefined): Promise<string[]> {
  const there = await existing(exec, { cwd, paths, as }, signal);
  return there.map(({ type, path }) => `${type} ${path.toString("latin1")}`).sort();
}

test("of names of any kind, those that are there", async (context) => {
  const directory = scratch(context);
  const [there, missing] = [oddNames.filter((_, index) => index % 2 === 0), oddNames.filter((_, index) => index % 2)];
  for (const name of there) writeFile(at(directory, name));
  assert.deepEqual(
    await found(directory, oddNames),
    sorted(there).map((name) => `f ${name}`),
  );
  assert.deepEqual(await found(directory, missing), []);
});

test("nothing asked, nothing there", async (context) => {
  assert.deepEqual(await found(scratch(context), []), []);
});

test("what it is; a link is a link, wherever it leads", async (context) => {
  const directory = scratch(context);
  mkdirSync(join(directory, "dir"));
  writeFile(join(directory, "dir", "file"));
  symlinkSync("nowhere", join(directory, "dangling"));
  symlinkSync("dir", join(directory, "link"));
  symlinkSync("loop", join(directory, "loop"));
  const paths = ["dir", "dir/file", "dir/none", "dangling", "link", "loop", "dir/file/below"].map(latin1);
  assert.deepEqual(await found(directory, paths), ["d dir", "f dir/file", "l dangling", "l link", "l loop"]);
});

test("only what was asked, not what is below", async (context) => {
  const directory = scratch(context);
  writeFile(join(directory, "a", "b", "c"));
  assert.deepEqual(await found(directory, [latin1("a")]), ["d a"]);
  assert.deepEqual(await found(directory, [latin1("")]), ["d "]);
});

test("thousands at once", async (context) => {
  const directory = scratch(context);
  writeFile(join(directory, "7"));
  const paths = Array.from({ length: 20_000 }, (_, index) => latin1(`${index}`));
  assert.deepEqual(await found(directory, paths), ["f 7"]);
});

test("seen with the eyes of the one who asks", rootOnly, async (context) => {
  const directory = scratch(context);
  writeFile(join(directory, "closed", "file"));
  writeFile(join(directory, "open", "file"));
  chmodSync(join(directory, "closed"), 0o700);
  const paths = ["closed", "closed/file", "open/file"].map(latin1);
  assert.deepEqual(await found(directory, paths, nobody), ["d closed", "f open/file"]);
  assert.deepEqual(await found(directory, paths), ["d closed", "f closed/file", "f open/file"]);
});

test("below a directory that is looked up by the one who asks", rootOnly, async (context) => {
  const directory = scratch(context);
  writeFile(join(directory, "closed", "below", "file"));
  chmodSync(join(directory, "closed"), 0o700);
  const below = join(directory, "closed", "below");
  const paths = [latin1("file"), latin1("none")];
  const there = (as: Command["as"]) => existing(exec, { below, paths, as }, signal);
  assert.deepEqual(await there(undefined), [{ type: "f", path: latin1("file") }]);
  assert.deepEqual(await there(nobody), []);
});
