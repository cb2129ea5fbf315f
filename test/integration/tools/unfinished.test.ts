/** Restores that are remembered, and rsync's part in making directories equal and in going on. */

import assert from "node:assert/strict";
import { chmodSync, existsSync, lutimesSync, mkdirSync, readdirSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { differingThere } from "../../../agent/restore/batch.ts";
import { type Removal, removeExtra } from "../../../agent/restore/deletion.ts";
import { isAsItWas, UnfinishedRestores } from "../../../agent/restore/unfinished.ts";
import { makeExec } from "../../../common/exec.ts";
import { at, latin1, nobody, oddNames, rootOnly, scratch, sorted, writeFile } from "./scratch.ts";

const { exec } = makeExec();
const signal = new AbortController().signal;

const command = {
  uid: 7,
  job: "home",
  snapshot: "",
  target: latin1("/tmp/\xe9"),
  paths: [latin1("a"), latin1("\xff")],
};
const record = {
  snapshot: "2026-11-23T02-00-00Z",
  present: [{ path: latin1("home\xff"), type: "d" }],
  aside: ".luksmith-0123456789abcdef",
  boot: "5",
};

test("the same command, by the same user, goes on; another does not", async (context) => {
  const store = new UnfinishedRestores(scratch(context));
  assert.equal(await store.read(command), undefined);
  assert.ok(await store.write(command, record));
  assert.deepEqual(await store.read(command), record);
  assert.deepEqual(await store.read({ ...command, snapshot: "latest", paths: [...command.paths].reverse() }), record);
  for (const other of [{ uid: 8 }, { job: "docs" }, { snapshot: "2026" }, { target: latin1("/tmp") }, { paths: [] }]) {
    assert.equal(await store.read({ ...command, ...other }), undefined);
  }
  await store.forget(command);
  assert.equal(await store.read(command), undefined);
});

test("few are remembered of each user, and nothing that is not understood", async (context) => {
  const directory = scratch(context);
  const store = new UnfinishedRestores(directory);
  await store.write({ ...command, uid: 70 }, record);
  for (let index = 0; index < 25; index += 1) await store.write({ ...command, job: `j${index}` }, record);
  const names = readdirSync(join(directory, "restores"));
  assert.equal(names.filter((name) => name.startsWith("7-")).length, 20);
  assert.ok(await store.read({ ...command, uid: 70 }));
  for (const name of names) writeFile(join(directory, "restores", name), "{}");
  assert.equal(await store.read({ ...command, job: "j24" }), undefined);
  await store.write(command, { ...record, aside: "../x" });
  assert.equal(await store.read(command), undefined);
  const large = [{ path: Buffer.alloc(2 ** 20, "x"), type: "d" }];
  assert.equal(await store.write({ ...command, job: "large" }, { ...record, present: large }), false);
});

test("a directory that has become a link is not what it was", () => {
  assert.ok(isAsItWas(record, [...record.present, { path: latin1("new"), type: "f" }]));
  assert.ok(!isAsItWas(record, [{ path: latin1("home\xff"), type: "l" }]));
  assert.ok(!isAsItWas(record, []));
});

async function remove(spec: Pick<Removal, "from" | "into" | "roots"> & Partial<Removal>) {
  const items: Buffer[] = [];
  const told = { onExtra: (path: Buffer) => void items.push(path), onKept: () => undefined };
  const { isCertain } = await removeExtra(exec, { as: undefined, dryRun: false, ...told, ...spec }, signal);
  return { removed: items.length, isCertain, items };
}

test("what is not in the snapshot is removed, and nothing else changes", async (context) => {
  const directory = scratch(context);
  const [from, into] = [join(directory, "from"), join(directory, "into")];
  for (const side of [from, into]) writeFile(join(side, "home", "kept"), side);
  for (const name of oddNames) writeFile(at(join(into, "home"), name));
  writeFile(join(into, "other"));
  symlinkSync("/etc", join(into, "home", "etc"));
  chmodSync(join(into, "home"), 0o711);
  const roots = [Buffer.from("home")];
  const dry = await remove({ from, into, roots, dryRun: true });
  assert.deepEqual(sorted(dry.items), sorted([...oddNames, Buffer.from("etc")].map((name) => at("home", name))));
  assert.equal(readdirSync(join(into, "home")).length, oddNames.length + 2);
  const real = await remove({ from, into, roots });
  assert.deepEqual([real.removed, real.isCertain], [oddNames.length + 1, true]);
  assert.deepEqual(readdirSync(join(into, "home")), ["kept"]);
  assert.ok(existsSync(join(into, "other")));
  assert.ok(existsSync("/etc/passwd"));
  assert.equal(statSync(join(into, "home")).mode & 0o777, 0o711);
  await remove({ from, into, roots: [Buffer.alloc(0)] });
  assert.deepEqual(readdirSync(into), ["home"]);
});

test("nothing is removed when not all of the snapshot can be read", rootOnly, async (context) => {
  const directory = scratch(context);
  const [from, into] = [join(directory, "from"), join(directory, "into")];
  writeFile(join(from, "home", "closed", "file"));
  chmodSync(join(from, "home", "closed"), 0o700);
  writeFile(join(into, "home", "extra"));
  chmodSync(join(into, "home"), 0o777);
  const result = await remove({ from, into, roots: [Buffer.from("home")], as: nobody });
  assert.deepEqual([result.removed, result.isCertain], [0, false]);
  assert.ok(existsSync(join(into, "home", "extra")));
});

test("going on, what somebody has changed is seen, and what arrived whole is not", async (context) => {
  const directory = scratch(context);
  const [from, into] = [join(directory, "from"), join(directory, "into")];
  for (const side of [from, into]) {
    writeFile(join(side, "home", "whole"), "one", 1000);
    writeFile(join(side, "home", "longer"), side === from ? "one" : "longer", 1000);
    writeFile(join(side, "home", "touched"), "one", side === from ? 1000 : 2000);
    mkdirSync(join(side, "home", "directory"));
  }
  chmodSync(join(into, "home", "whole"), 0o600);
  lutimesSync(join(into, "home", "directory"), 5, 5);
  writeFile(join(from, "home", "missing"));
  writeFile(join(from, "home", "kind"), "file");
  mkdirSync(join(into, "home", "kind"));
  writeFile(join(from, "home", "linked", "x"), "file");
  symlinkSync("/tmp", join(into, "home", "linked"));
  const batch = { below: Buffer.alloc(0), paths: [Buffer.from("home")] };
  const found = await differingThere(exec, { from, into, batch, as: undefined }, signal);
  assert.deepEqual(
    sorted(found).filter((path) => !path.startsWith("home/linked")),
    ["home/kind", "home/longer", "home/touched"],
  );
  assert.ok(found.some((path) => `${path}`.startsWith("home/linked")));
});
