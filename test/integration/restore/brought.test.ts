/** What a restore is going to bring, asked of rsync itself. */

import assert from "node:assert/strict";
import { mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { toBeBrought } from "../../../agent/restore/batch.ts";
import { makeExec } from "../../../common/exec.ts";
import { scratch } from "../tools/scratch.ts";

const signal = new AbortController().signal;

function makePlaces(context: TestContext) {
  const directory = scratch(context);
  const [from, into] = [join(directory, "snapshot"), join(directory, "target")];
  const write = (at: string, path: string, text: string) => {
    mkdirSync(join(at, path, ".."), { recursive: true });
    writeFileSync(join(at, path), text);
    utimesSync(join(at, path), 1000, 1000);
  };
  for (const path of ["home/a/there", "home/a/changed", "home/a/missing", "home/b/c/d", "home/b/e", "home/\\#101 \n"])
    write(from, path, path);
  write(into, "home/a/there", "home/a/there");
  write(into, "home/a/changed", "longer than it was");
  return { from, into, as: undefined };
}

const listed = (paths: readonly Buffer[]) => paths.map((path) => path.toString("latin1")).sort();

test("what is there and equal is not brought, and a directory that is not there stands for all that is in it", async (context) => {
  const places = makePlaces(context);
  const batch = { below: Buffer.from(""), paths: [Buffer.from("home")] };
  const brought = listed(await toBeBrought(makeExec().exec, { ...places, batch }, signal));
  assert.deepEqual(brought, ["home/\\#101 \n", "home/a/changed", "home/a/missing", "home/b"]);
});

test("it is named as in the snapshot, wherever rsync begins", async (context) => {
  const places = makePlaces(context);
  const batch = { below: Buffer.from("home"), paths: [Buffer.from("home/a"), Buffer.from("home/b")] };
  const brought = listed(await toBeBrought(makeExec().exec, { ...places, batch }, signal));
  assert.deepEqual(brought, ["home/a/changed", "home/a/missing", "home/b"]);
});
