import assert from "node:assert/strict";
import { appendFileSync, cpSync, mkdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Host } from "../../../agent/system/host.ts";
import { compareWithSource } from "../../../agent/verify/against-source.ts";
import { makeExec } from "../../../common/exec.ts";
import { scratch } from "../tools/scratch.ts";

const host = makeExec() as unknown as Host;
const signal = new AbortController().signal;
const names = ["altered", "same", "touched", "written"];

/** Four files of the machine's, and a snapshot of them. */
function madeAndCopied(context: TestContext) {
  const directory = scratch(context);
  const source = join(directory, "source");
  const below = join(directory, "snapshot");
  mkdirSync(source);
  for (const name of names) {
    writeFileSync(join(source, name), `what is in ${name}`);
    utimesSync(join(source, name), 1_800_000_000, 1_800_000_000);
  }
  const copied = join(below, source);
  mkdirSync(dirname(copied), { recursive: true });
  cpSync(source, copied, { recursive: true, preserveTimestamps: true });
  const files = names.map((name) => ({ path: Buffer.from(join(source, name).slice(1)), bytes: 20 }));
  return { source, copied, below, files };
}

/** With what it had before in size and time. */
function alter(path: string): void {
  const { atime, mtime } = statSync(path);
  const content = readFileSync(path);
  writeFileSync(path, content.fill("x"));
  utimesSync(path, atime, mtime);
}

const shown = (files: readonly { readonly path: Buffer }[]) =>
  files.map(({ path }) => path.toString().split("/").at(-1)).sort();

test("what was written to while it was compared has changed, and what was altered by nobody of the machine's is altered", async (context) => {
  const { source, copied, below, files } = madeAndCopied(context);
  for (const name of ["altered", "written"]) alter(join(copied, name));
  utimesSync(join(source, "touched"), new Date(), new Date());
  const compared: string[] = [];
  const onCompared = ({ path }: { path: Buffer }) => {
    compared.push(path.toString());
    // its owner is just writing it
    if (path.toString().endsWith("/written")) appendFileSync(join(source, "written"), "more");
  };
  const found = await compareWithSource(host, { below, files, as: undefined }, onCompared, signal);
  assert.deepEqual(shown(found.equal), ["same", "touched"]);
  assert.deepEqual(shown(found.differing), ["altered"]);
  assert.deepEqual(shown(found.changed), ["written"]);
  assert.equal(compared.length, files.length, "each is told of once");
});

test("of nothing there is nothing to say", async (context) => {
  const { below } = madeAndCopied(context);
  const found = await compareWithSource(host, { below, files: [], as: undefined }, () => undefined, signal);
  assert.deepEqual(found, { equal: [], differing: [], changed: [] });
});
