/** Restores from a directory that stands for the volume: begun, cut short, gone on with; and made equal. */

import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  existsSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { JobConfig } from "../../../agent/config/job.ts";
import { RestoreBegun, type RestoreOptions } from "../../../agent/restore/request.ts";
import { restoreFrom } from "../../../agent/restore/restore.ts";
import { LuksmithError } from "../../../common/errors.ts";
import { nobody, rootOnly, writeFile } from "../tools/scratch.ts";
import { type Looked, makeSnapshots, names } from "./snapshots.ts";

interface Scene extends Looked {
  readonly into: string;
  restore(options?: Partial<Omit<RestoreOptions, "target">>): ReturnType<typeof restoreFrom>;
}

function makeScene(context: TestContext): Scene {
  const looked = makeSnapshots(context);
  const { host, attached, run } = looked;
  mkdirSync(host.stateDir, { mode: 0o700 });
  const into = join(attached.filesDir, "into");
  const job = { name: "docs", sources: ["/home"], exclude: [] } as unknown as JobConfig;
  const figures = { run: "r", files: 1, bytes: 1, bytesCopied: 1, warnings: 0, incomplete: false, sources: ["/home"] };
  const records = names.map((snapshot) => JSON.stringify({ snapshot, ...figures }));
  writeFile(join(attached.filesDir, ".luksmith", "snapshots", "docs.jsonl"), records.join("\n"));
  const defaults = {
    ...{ snapshot: "", paths: [], target: Buffer.from(into), overwrite: false, delete: false, own: [] },
    ...{ dryRun: false, acceptRollback: false, as: undefined },
  };
  const restore = (options: Partial<RestoreOptions> = {}) =>
    restoreFrom(host, job, attached, { ...defaults, begun: new RestoreBegun(), ...options }, run);
  return { ...looked, into, restore };
}

/** One that has begun to write, and gets no further. */
async function cutShort({ restore, host }: Scene, options: Partial<RestoreOptions> = {}) {
  const full = new LuksmithError("full", "cut short");
  const before = host.exec;
  const exec: typeof before = (command) => {
    if (command.file === "rsync") throw full;
    return before(command);
  };
  Object.assign(host, { exec });
  await assert.rejects(restore(options), full);
  Object.assign(host, { exec: before });
  assert.equal(readdirSync(join(host.stateDir, "restores")).length, 1);
}

test("the same command goes on with the same snapshot, and brings what is missing alone", async (context) => {
  const scene = makeScene(context);
  const { at, attached, into, restore, run } = scene;
  const notes: string[] = [];
  Object.assign(run, { note: (message: string) => void notes.push(message) });
  for (const name of ["a", "b", "c"]) writeFile(at(1, "home", name), `old ${name}`, 1000);
  const { entries } = attached;
  Object.assign(attached, { entries: entries.slice(0, 2) });
  await cutShort(scene);
  // a newer one has come meanwhile, and one file had arrived
  Object.assign(attached, { entries });
  writeFile(at(2, "home", "a"), "newer", 2000);
  writeFile(join(into, "home", "a"), "old a", 1000);
  const result = await restore();
  assert.deepEqual(notes, [`going on with a restore of snapshot ${names[1]} that was cut short`]);
  assert.deepEqual([result.state, result.snapshot, result.totals?.filesCopied], ["done", names[1], 2]);
  assert.equal(readFileSync(join(into, "home", "a"), "utf8"), "old a");
  assert.deepEqual(readdirSync(join(into, "home")), ["a", "b", "c"]);
});

test("what somebody has changed meanwhile is named, and stays", async (context) => {
  const scene = makeScene(context);
  const { at, into, restore } = scene;
  for (const name of ["a", "b"]) writeFile(at(2, "home", name), `file ${name}`, 1000);
  await cutShort(scene);
  writeFile(join(into, "home", "a"), "mine now", 3000);
  await assert.rejects(restore(), { code: "exists", message: /changed .*: home\/a/ });
  assert.equal(readFileSync(join(into, "home", "a"), "utf8"), "mine now");
  rmSync(join(into, "home", "a"));
  writeFile(join(into, "home", "a"), "file a", 1000);
  const { totals } = await restore();
  assert.equal(totals?.filesCopied, 1);
  assert.equal(readFileSync(join(into, "home", "b"), "utf8"), "file b");
  // it is done
  await assert.rejects(restore(), { code: "exists", message: /there already/ });
});

test("a link in the place of a directory is not gone through", async (context) => {
  const scene = makeScene(context);
  const { at, into, restore } = scene;
  writeFile(at(2, "home", "alice", "a"), "file a", 1000);
  const paths = [Buffer.from("home/alice")];
  mkdirSync(join(into, "home"), { recursive: true });
  await cutShort(scene, { paths });
  const elsewhere = join(scene.attached.filesDir, "elsewhere");
  mkdirSync(join(elsewhere, "alice"), { recursive: true });
  rmSync(join(into, "home"), { recursive: true });
  symlinkSync(elsewhere, join(into, "home"));
  await assert.rejects(restore({ paths }), { code: "exists" });
  assert.deepEqual(readdirSync(join(elsewhere, "alice")), []);
});

test("with nothing of it left, it begins anew", async (context) => {
  const scene = makeScene(context);
  const { at, into, restore } = scene;
  writeFile(at(2, "home", "a"), "file a", 1000);
  await cutShort(scene);
  rmSync(into, { recursive: true, force: true });
  assert.equal((await restore()).totals?.filesCopied, 1);
});

test("a directory is made equal to a snapshot", async (context) => {
  const scene = makeScene(context);
  const { at, into, restore } = scene;
  writeFile(at(2, "home", "a"), "file a", 1000);
  mkdirSync(at(2, "home", "empty"));
  lutimesSync(at(2, "home"), 1000, 1000);
  writeFile(join(into, "home", "a"), "other", 2000);
  writeFile(join(into, "home", "extra", "deep"), "extra");
  writeFile(join(into, "home", "empty"), "a file in its way");
  writeFile(join(into, "beside"));
  const options = { paths: [Buffer.from("/home")], overwrite: true, delete: true } as const;
  const dry = await restore({ ...options, dryRun: true });
  assert.match(dry.summary, /would remove 2 that are not in it/);
  assert.ok(existsSync(join(into, "home", "extra", "deep")));
  const real = await restore(options);
  assert.equal(real.state, "done");
  assert.match(real.summary, /restored 1 file, 6 B, .*; removed 2 that are not in it/);
  assert.deepEqual(readdirSync(into), ["beside", "home"]);
  assert.deepEqual(readdirSync(join(into, "home")), ["a", "empty"]);
  assert.equal(statSync(join(into, "home")).mtimeMs, 1_000_000);
  const everything = await restore({ overwrite: true, delete: true });
  assert.match(everything.summary, /removed 1 that are not in it/);
  assert.deepEqual(readdirSync(into), ["home"]);
});

test("nothing is made equal to an empty snapshot, nor what the machine runs by", async (context) => {
  const scene = makeScene(context);
  const { at, into, restore } = scene;
  writeFile(join(into, "precious"));
  const options = { overwrite: true, delete: true } as const;
  await assert.rejects(restore(options), { code: "usage", message: /is empty/ });
  writeFile(at(2, "home", "a"));
  rmSync(into, { recursive: true });
  symlinkSync("/etc", into);
  await assert.rejects(restore(options), { code: "usage", message: /\/etc/ });
  rmSync(into);
  mkdirSync(into);
  await assert.rejects(restore({ ...options, own: [join(into, "state")] }), { code: "usage", message: /own/ });
});

test("only what the snapshot has whole is made equal to it", async (context) => {
  const scene = makeScene(context);
  const { at, attached, into, restore } = scene;
  writeFile(at(2, "home", "alice", "a"), "file a");
  mkdirSync(at(2, "home", "disk"));
  writeFile(join(into, "home", "bob", "precious"));
  writeFile(join(into, "home", "disk", "precious"));
  const options = { overwrite: true, delete: true } as const;
  const empty = { code: "usage", message: /^home\/disk is empty in the snapshot/ };
  await assert.rejects(restore({ ...options, paths: [Buffer.from("/home/disk")] }), empty);
  const records = join(attached.filesDir, ".luksmith", "snapshots", "docs.jsonl");
  writeFile(records, readFileSync(records, "utf8").replaceAll('"/home"', '"/home/alice"'));
  const part = { code: "usage", message: /^the snapshot has only a part of \/home$/ };
  await assert.rejects(restore({ ...options, paths: [Buffer.from("/home")] }), part);
  writeFile(records, "");
  await assert.rejects(restore({ ...options, paths: [Buffer.from("/home")] }), { code: "usage", message: /recorded/ });
  assert.ok(existsSync(join(into, "home", "bob", "precious")) && existsSync(join(into, "home", "disk", "precious")));
});

test("a user's restore removes with that user's rights alone", rootOnly, async (context) => {
  const scene = makeScene(context);
  const { at, into, restore } = scene;
  writeFile(at(2, "home", "a"), "file a", 1000);
  chownSync(at(2, "home"), nobody.uid, nobody.gid);
  writeFile(join(into, "home", "extra"));
  writeFile(join(into, "home", "closed", "extra"));
  for (const path of [into, join(into, "home"), join(into, "home", "extra")]) chownSync(path, nobody.uid, nobody.gid);
  chmodSync(join(into, "home", "closed"), 0o755);
  const { state } = await restore({ overwrite: true, delete: true, as: nobody });
  assert.ok(existsSync(join(into, "home", "closed", "extra")));
  assert.ok(!existsSync(join(into, "home", "extra")));
  assert.equal(readFileSync(join(into, "home", "a"), "utf8"), "file a");
  assert.equal(state, "incomplete");
  assert.equal(scene.warnings.filter((warning) => /could not be removed/.test(warning)).length, 2);
});
