import assert from "node:assert/strict";
import { chmodSync, linkSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { listDirectory, walk } from "../../../agent/tools/find.ts";
import { systemClock } from "../../../common/clock.ts";
import { type Command, makeExec } from "../../../common/exec.ts";
import { FileEntry, FileEntry_Type } from "../../../proto/gen/luksmith/v1/types.ts";
import { at, latin1, nobody, oddNames, rootOnly, scratch, sorted, writeFile } from "./scratch.ts";

const { exec } = makeExec();
const signal = new AbortController().signal;

async function list(cwd: string, path: Buffer | string, recursive = false, as: Command["as"] = undefined) {
  const entries: FileEntry[] = [];
  const spec = { cwd, path: typeof path === "string" ? latin1(path) : path, recursive, as };
  await walk(exec, spec, (entry) => void entries.push(entry), signal);
  return entries;
}

const pathsOf = (entries: readonly FileEntry[]) => sorted(entries.map((entry) => entry.path));

test("what is in a directory, names of any kind", async (context) => {
  const directory = scratch(context);
  for (const name of oddNames) writeFile(at(directory, name), "four");
  const entries = await list(directory, "");
  assert.deepEqual(pathsOf(entries), sorted(oddNames));
  assert.ok(entries.every((entry) => entry.type === FileEntry_Type.FILE && entry.size === 4));
  assert.deepEqual(
    ((await listDirectory(exec, directory, signal)) ?? []).map(({ name, type }) => `${type} ${name}`).sort(),
    sorted(oddNames).map((name) => `f ${name}`),
  );
});

test("each of them as the starting point", async (context) => {
  const directory = scratch(context);
  for (const name of oddNames) {
    mkdirSync(at(directory, name));
    writeFile(Buffer.concat([at(directory, name), latin1("/in\n")]));
  }
  for (const name of oddNames) {
    const inside = Buffer.concat([name, latin1("/in\n")]);
    assert.deepEqual(pathsOf(await list(directory, name)), sorted([inside]));
    assert.deepEqual(pathsOf(await list(directory, name, true)), sorted([name, inside]));
    assert.deepEqual(pathsOf(await list(directory, inside)), sorted([inside]));
  }
});

test("how deep", async (context) => {
  const directory = scratch(context);
  writeFile(join(directory, "a", "b", "c"));
  writeFile(join(directory, "x"));
  assert.deepEqual(pathsOf(await list(directory, "")), ["a", "x"]);
  assert.deepEqual(pathsOf(await list(directory, "", true)), ["a", "a/b", "a/b/c", "x"]);
  assert.deepEqual(pathsOf(await list(directory, "a")), ["a/b"]);
  assert.deepEqual(pathsOf(await list(directory, "a", true)), ["a", "a/b", "a/b/c"]);
  mkdirSync(join(directory, "empty"));
  assert.deepEqual(await list(directory, "empty"), []);
});

test("everything about an entry", async (context) => {
  const directory = scratch(context);
  writeFile(join(directory, "file"), "12345", 1_700_000_000.5);
  chmodSync(join(directory, "file"), 0o4751);
  const [entry] = await list(directory, "file");
  assert.deepEqual(
    entry,
    FileEntry.create({
      ...{ type: FileEntry_Type.FILE, path: latin1("file"), mode: 0o4751, size: 5 },
      ...{ uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 },
      ...{ modified: new Date(1_700_000_000_500), target: Buffer.alloc(0) },
    }),
  );
});

test("links are shown, with where they lead, and not followed", async (context) => {
  const directory = scratch(context);
  writeFile(join(directory, "dir", "inside"));
  const targets = [latin1("dir"), latin1("nowhere\n\xff"), latin1("-x"), latin1("loop2")];
  for (const [index, target] of targets.entries()) symlinkSync(target, join(directory, `loop${index}`));
  const entries = await list(directory, "", true);
  const links = entries.filter((entry) => entry.type === FileEntry_Type.SYMLINK);
  assert.deepEqual(
    links.map((link) => `${link.path} ${link.target.toString("latin1")}`).sort(),
    targets.map((target, index) => `loop${index} ${target.toString("latin1")}`),
  );
  // as the starting point: it itself, not what is behind it
  assert.deepEqual(pathsOf(await list(directory, "loop0", true)), ["loop0"]);
  assert.deepEqual(pathsOf(await list(directory, "loop0")), ["loop0"]);
});

test("files of every type", async (context) => {
  const directory = scratch(context);
  writeFile(join(directory, "file"));
  linkSync(join(directory, "file"), join(directory, "hard"));
  assert.equal((await exec({ file: "mkfifo", args: [join(directory, "fifo")] })).exitCode, 0);
  const types = Object.fromEntries((await list(directory, "")).map((entry) => [`${entry.path}`, entry.type]));
  assert.deepEqual(types, { file: FileEntry_Type.FILE, hard: FileEntry_Type.FILE, fifo: FileEntry_Type.FIFO });
});

test("nothing there", async (context) => {
  const directory = scratch(context);
  for (const path of ["none", "none\n", "-none", "none/below"]) {
    await assert.rejects(list(directory, path), { code: "not_found" }, path);
  }
  assert.equal(await listDirectory(exec, join(directory, "none"), signal), undefined);
  assert.deepEqual(await listDirectory(exec, directory, signal), []);
});

test("what may not be looked into, by the one who asks", rootOnly, async (context) => {
  const directory = scratch(context);
  writeFile(join(directory, "No such file or directory", "file"));
  chmodSync(join(directory, "No such file or directory"), 0o700);
  assert.deepEqual(pathsOf(await list(directory, "", false, nobody)), ["No such file or directory"]);
  for (const recursive of [false, true]) {
    const spec = { cwd: directory, path: latin1("No such file or directory"), recursive, as: nobody };
    assert.deepEqual(await walk(exec, spec, () => undefined, signal), { incomplete: true });
  }
  assert.equal((await list(directory, "No such file or directory")).length, 1);
});

test("who takes slowly gets everything", async (context) => {
  const directory = scratch(context);
  const count = 2000;
  for (let index = 0; index < count; index += 1) writeFile(join(directory, `${index}`));
  let taken = 0;
  const onEntry = async () => {
    // longer than the pipe of a find that has ended long since is listened to
    if (taken === 0) await systemClock.sleep(800);
    taken += 1;
  };
  await walk(exec, { cwd: directory, path: Buffer.alloc(0), recursive: false, as: undefined }, onEntry, signal);
  assert.equal(taken, count);
});

test("who does not want any more ends it", async (context) => {
  const directory = scratch(context);
  writeFile(join(directory, "file"));
  const reason = new RangeError("gone away");
  const spec = { cwd: directory, path: Buffer.alloc(0), recursive: false, as: undefined };
  await assert.rejects(
    walk(exec, spec, () => Promise.reject(reason), signal),
    (error) => error === reason,
  );
});
