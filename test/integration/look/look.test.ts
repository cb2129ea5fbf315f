/** Looking into snapshots with the programs that do it; the volume alone is a directory here. */

import assert from "node:assert/strict";
import { chmodSync, linkSync, lutimesSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { diff } from "../../../agent/look/diff.ts";
import { measure } from "../../../agent/look/measure.ts";
import { patternTest } from "../../../agent/look/pattern.ts";
import { readWholeFile } from "../../../agent/look/read-file.ts";
import { search } from "../../../agent/look/search.ts";
import { differenceText } from "../../../cli/show/differences.ts";
import { foundText } from "../../../cli/show/found.ts";
import type { Difference, FoundPath, SnapshotSize } from "../../../proto/gen/luksmith/v1/looking.ts";
import { at, latin1, oddNames, sorted, writeFile } from "../tools/scratch.ts";
import { type Looked, makeSnapshots, names } from "./snapshots.ts";

process.env.TZ = "UTC";
const nothing = Buffer.alloc(0);

async function differences(
  { host, attached, run }: Looked,
  options: { path?: Buffer; content?: boolean; before?: string; after?: string } = {},
): Promise<Difference[]> {
  const found: Difference[] = [];
  const asked = { before: names[0], after: names[1], path: nothing, content: false, as: undefined, ...options };
  await diff(host, "docs", attached, asked, run, async (each) => void found.push(each));
  return found;
}

const texts = (found: readonly Difference[]) => found.map(differenceText);

test("what differs, in the order of the tree", async (context) => {
  const looked = makeSnapshots(context);
  const { at: path } = looked;
  for (const place of [0, 1] as const) {
    mkdirSync(path(place, "same"), { recursive: true });
    writeFile(path(place, "touched"), "one", 1000 + place);
    writeFile(path(place, "equal"), "one", 1000);
    writeFile(path(place, "unlike"), place === 0 ? "one" : "two", 1000);
    symlinkSync(place === 0 ? "here" : "there\nor not", path(place, "link"));
    writeFile(path(place, "grown"), "x".repeat(3 + 2000 * place), 1000 + place);
    writeFile(path(place, "closed"), "one", 1000);
  }
  writeFile(path(0, "shared"));
  linkSync(path(0, "shared"), path(1, "shared"));
  chmodSync(path(1, "closed"), 0o600);
  writeFile(path(0, "gone", "a"), "a");
  writeFile(path(1, "new", ".hidden"), "h");
  writeFile(path(1, "new-er"), "n");
  writeFile(path(0, "kind"), "file");
  mkdirSync(path(1, "kind"));
  assert.deepEqual(texts(await differences(looked)), [
    "changed  closed  (mode 0644 -> 0600)",
    "removed  gone/",
    "removed  gone/a  (1 B)",
    "changed  grown  (3 B -> 1.96 KiB)",
    "changed  kind/  (file -> directory)",
    "changed  link  (-> here now -> $'there\\nor not')",
    "added    new/",
    "added    new/.hidden  (1 B)",
    "added    new-er  (1 B)",
    "changed  touched  (3 B, 1970-01-01 00:16:40 -> 1970-01-01 00:16:41)",
  ]);
  const read = texts(await differences(looked, { content: true })).filter((text) => /touched|unlike|equal/.test(text));
  assert.deepEqual(read, [
    "changed  touched  (time alone: 1970-01-01 00:16:40 -> 1970-01-01 00:16:41)",
    "changed  unlike  (3 B, 1970-01-01 00:16:40 -> 1970-01-01 00:16:40)",
  ]);
  assert.deepEqual(texts(await differences(looked, { path: Buffer.from("new") })), [
    "added    new/",
    "added    new/.hidden  (1 B)",
  ]);
  assert.deepEqual(texts(await differences(looked, { path: Buffer.from("shared") })), []);
  await assert.rejects(differences(looked, { path: Buffer.from("nothing") }), { code: "not_found" });
  await assert.rejects(differences(looked, { path: Buffer.from("link/x") }), { code: "not_found" });
  await assert.rejects(differences(looked, { before: names[1] }), { code: "usage" });
  // the newest, when none is named
  assert.equal(
    (await differences(looked, { after: "" })).every(({ after }) => after === undefined),
    true,
  );
});

test("names of any kind are compared, read and told as they are", async (context) => {
  const looked = makeSnapshots(context);
  const names = [...oddNames, ...["\x01", "\x02", "a\x01b", "\x02\x03", "\x02\x04"].map(latin1)];
  for (const name of names) {
    writeFile(at(looked.at(0), name), "one");
    writeFile(at(looked.at(1), name), "two");
    lutimesSync(at(looked.at(0), name), 1000, 1000);
    lutimesSync(at(looked.at(1), name), 1000, 1000);
  }
  assert.deepEqual(await differences(looked), []);
  const read = await differences(looked, { content: true });
  assert.deepEqual(sorted(read.map(({ after }) => after?.path ?? nothing)), sorted(names));
  assert.deepEqual(looked.warnings, []);
});

test("many files are compared, and a list that is not sorted in memory alone stays in order", async (context) => {
  const looked = makeSnapshots(context);
  const count = 1500;
  for (let index = 0; index < count; index += 1) {
    const name = join(`d${index % 7}`, `f${index}`);
    mkdirSync(looked.at(0, `d${index % 7}`), { recursive: true });
    mkdirSync(looked.at(1, `d${index % 7}`), { recursive: true });
    writeFile(looked.at(0, name), `${index}`);
    if (index % 2 === 0) linkSync(looked.at(0, name), looked.at(1, name));
  }
  const found = await differences(looked);
  assert.equal(found.length, count / 2);
  const paths = found.map(({ before }) => `${before?.path}`);
  assert.deepEqual(paths, [...paths].sort());
});

test("which snapshots hold what a pattern names", async (context) => {
  const looked = makeSnapshots(context);
  const { host, attached, run, at: path } = looked;
  writeFile(path(0, "home", "letter.txt"), "one", 1000);
  mkdirSync(path(1, "home"));
  linkSync(path(0, "home", "letter.txt"), path(1, "home", "letter.txt"));
  writeFile(path(2, "home", "Letter.txt"), "three", 3000);
  mkdirSync(path(2, "letter.txt"));
  const find = async (pattern: string, { snapshot = "", ignoreCase = false } = {}) => {
    const found: FoundPath[] = [];
    const options = { snapshot, tests: patternTest(pattern, ignoreCase), as: undefined };
    const { summary } = await search(host, "docs", attached, options, run, async (each) => void found.push(each));
    return [found.map(foundText).join(""), summary];
  };
  const first = `home/letter.txt
         3 B  1970-01-01 00:16:40  in ${names[0]} to ${names[1]} (2 snapshots)
        gone  in ${names[2]}
`;
  assert.deepEqual(await find("/home/l*"), [first, "1 path in 3 snapshots"]);
  const [both, summary] = await find("letter.txt");
  assert.ok(both?.startsWith(first));
  assert.match(both ?? "", /^letter.txt\n +directory .* in 2026-11-23T02-00-00Z\n$/m);
  assert.equal(summary, "2 paths in 3 snapshots");
  assert.match((await find("LETTER.*", { ignoreCase: true, snapshot: "latest" }))[0] ?? "", /^home\/Letter.txt\n/);
  assert.deepEqual(await find("nothing"), ["", "0 paths in 3 snapshots"]);
  await assert.rejects(find("x", { snapshot: "2020-01-01" }), { code: "not_found" });
});

test("what each snapshot takes, and what of it no other has", async (context) => {
  const looked = makeSnapshots(context);
  const { host, attached, run, at: path } = looked;
  const block = 4096;
  writeFile(path(0, "d", "shared"), "x".repeat(4 * block));
  writeFile(path(0, "d", "own"), "x".repeat(2 * block));
  linkSync(path(0, "d", "own"), path(0, "d", "second name"));
  mkdirSync(path(1, "d"));
  linkSync(path(0, "d", "shared"), path(1, "d", "shared"));
  const sizes = async (wanted: string) => {
    const found: SnapshotSize[] = [];
    const options = { filesystem: "ext4", path: Buffer.from(wanted), as: undefined } as const;
    await measure(host, "docs", attached, options, run, async (each) => void found.push(each));
    return found;
  };
  const files = (await sizes("d/shared")).map(({ bytes, ownBytes }) => [bytes, ownBytes]);
  assert.deepEqual(files, [
    [4 * block, 0],
    [4 * block, 0],
    [0, 0],
    [4 * block, 4 * block],
  ]);
  const [first, second, third, together] = await sizes("");
  assert.ok(first && second && third && together);
  assert.equal(first.bytes - first.ownBytes, 4 * block);
  assert.equal(second.bytes - second.ownBytes, 4 * block);
  assert.ok(first.ownBytes - second.ownBytes >= 2 * block && first.ownBytes - second.ownBytes < 4 * block);
  assert.equal(third.bytes, third.ownBytes);
  assert.equal(together.bytes, first.bytes + second.bytes + third.bytes - 4 * block);
  await assert.rejects(sizes("nothing"), { code: "not_found" });
});

test("one file comes as it is, and nothing else does", async (context) => {
  const looked = makeSnapshots(context);
  const { host, attached, run, at: path } = looked;
  const content = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 251));
  const read = async (wanted: Buffer) => {
    const pieces: Buffer[] = [];
    const options = { snapshot: names[0], path: wanted, as: undefined };
    await readWholeFile(host, "docs", attached, options, run, async (data) => void pieces.push(data));
    return Buffer.concat(pieces);
  };
  for (const name of oddNames) writeFile(at(path(0), name), content);
  for (const name of oddNames.slice(-12)) assert.deepEqual(await read(name), content);
  mkdirSync(path(0, "dir"));
  symlinkSync("plain", path(0, "link"));
  symlinkSync("dir", path(0, "dirlink"));
  for (const wanted of ["", "dir", "link"]) await assert.rejects(read(Buffer.from(wanted)), { code: "usage" });
  await assert.rejects(read(Buffer.from("dirlink/x")), { code: "not_found" });
  await assert.rejects(read(Buffer.from("nothing")), { code: "not_found" });
  rmSync(path(0, "link"));
});
