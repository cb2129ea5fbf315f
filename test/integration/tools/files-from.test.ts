import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { ancestors, withoutNested } from "../../../agent/restore/paths.ts";
import { filesFrom, planRestore } from "../../../agent/restore/plan.ts";
import { existing } from "../../../agent/tools/existing.ts";
import { archiveArgs, copy } from "../../../agent/tools/rsync.ts";
import { makeExec } from "../../../common/exec.ts";
import { at, latin1, oddNames, scratch, sorted, writeFile } from "./scratch.ts";

const { exec } = makeExec();
const signal = new AbortController().signal;

/** Brings `paths` of the snapshot back into the target, as a restore plans it from what is there. */
async function restore(from: string, into: string, paths: readonly Buffer[]): Promise<void> {
  const asked = withoutNested(paths);
  const all = asked.flatMap((path) => [...ancestors(path), path]);
  const { batches } = planRestore(asked, await existing(exec, { cwd: into, paths: all, as: undefined }, signal));
  for (const batch of batches) {
    const below = `${into}/${batch.below.toString("utf8")}`;
    await copy(
      exec,
      {
        args: [...archiveArgs, "--recursive", "--from0", "--files-from=-", "--", "./", `${below}/`],
        cwd: from,
        stdin: filesFrom(batch),
        onComplaint: (message, path) => assert.fail(`${message}: ${path}`),
      },
      signal,
    );
  }
}

function directories(context: TestContext): { from: string; into: string } {
  const directory = scratch(context);
  const [from, into] = [join(directory, "snapshot"), join(directory, "target")];
  mkdirSync(from);
  mkdirSync(into);
  return { from, into };
}

const namesIn = (directory: string | Buffer) => sorted(readdirSync(directory, { encoding: "buffer" }));

test("names of any kind, each asked for by itself", async (context) => {
  const { from, into } = directories(context);
  for (const name of oddNames) writeFile(at(from, name), name);
  await restore(from, into, oddNames);
  assert.deepEqual(namesIn(into), sorted(oddNames));
  for (const name of oddNames) assert.deepEqual(readFileSync(at(into, name)), name);
});

test("one of them alone brings nothing else", async (context) => {
  const { from, into } = directories(context);
  for (const name of ["*", "a", "?", "[a]"]) writeFile(join(from, name), name);
  await restore(from, into, [latin1("*"), latin1("[a]")]);
  assert.deepEqual(namesIn(into), ["*", "[a]"]);
});

test("directories of such names, and what is below them", async (context) => {
  const { from, into } = directories(context);
  for (const name of oddNames) {
    mkdirSync(at(from, name));
    writeFile(Buffer.concat([at(from, name), latin1("/#file")]), name);
    writeFile(Buffer.concat([at(from, name), latin1("/not asked for")]));
  }
  await restore(
    from,
    into,
    oddNames.map((name) => Buffer.concat([name, latin1("/#file")])),
  );
  assert.deepEqual(namesIn(into), sorted(oddNames));
  for (const name of oddNames) assert.deepEqual(namesIn(at(into, name)), ["#file"]);
});

test("directories that are there keep their own mode; the file lands below them", async (context) => {
  const { from, into } = directories(context);
  for (const name of ["#home", "home"]) {
    writeFile(join(from, name, "alice", "x"), "restored");
    mkdirSync(join(into, name, "alice"), { recursive: true, mode: 0o750 });
  }
  await restore(from, into, [latin1("#home/alice/x"), latin1("home/alice/x")]);
  for (const name of ["#home", "home"]) {
    assert.equal(readFileSync(join(into, name, "alice", "x"), "utf8"), "restored");
    assert.equal(statSync(join(into, name, "alice")).mode & 0o777, 0o750);
  }
});

test("a link in the target leads nothing out of it", async (context) => {
  const { from, into } = directories(context);
  const outside = scratch(context);
  mkdirSync(join(outside, "b"));
  writeFile(join(from, "a", "b", "x"), "restored");
  symlinkSync(outside, join(into, "a"));
  await restore(from, into, [latin1("a/b/x")]);
  assert.deepEqual(readdirSync(join(outside, "b")), []);
  assert.equal(readFileSync(join(into, "a", "b", "x"), "utf8"), "restored");
  assert.ok(
    !(await existing(exec, { cwd: into, paths: [latin1("a")], as: undefined }, signal)).some(
      ({ type }) => type === "l",
    ),
  );
});
