import assert from "node:assert/strict";
import { test } from "node:test";
import {
  isStatsLine,
  itemAction,
  noStats,
  parseItem,
  parseProgress,
  parseStats,
  pathWithin,
  unescapeName,
} from "../../../agent/tools/rsync-output.ts";
import { Item_Action } from "../../../proto/gen/luksmith/v1/types.ts";

const latin1 = (text: string) => Buffer.from(text, "latin1");

test("progress while rsync still finds files, and after that", () => {
  assert.deepEqual(parseProgress(latin1("     65,536   2%   61.88kB/s    0:00:42 (xfr#12, ir-chk=1000/2345)")), {
    bytesDone: 65_536,
    percent: 2,
    filesDone: 1345,
    filesTotal: 2345,
    totalKnown: false,
  });
  assert.deepEqual(parseProgress(latin1("  1,234,567,890  42%   10.24MB/s    0:00:05 (xfr#2000, to-chk=345/2345)  ")), {
    bytesDone: 1_234_567_890,
    percent: 42,
    filesDone: 2000,
    filesTotal: 2345,
    totalKnown: true,
  });
});

test("progress within a file has no file counts", () => {
  assert.deepEqual(parseProgress(latin1("         32,768   0%    0.00kB/s    0:00:00  ")), {
    bytesDone: 32_768,
    percent: 0,
    filesDone: 0,
    filesTotal: 0,
    totalKnown: false,
  });
});

const noProgress = [
  "",
  " ",
  "@>f+++++++++ 5 65,536   2%   61.88kB/s    0:00:42 (xfr#12, ir-chk=1000/2345)",
  "x 65,536   2%   61.88kB/s    0:00:42 (xfr#12, to-chk=1000/2345)",
  "65,536 2% 61.88kB/s 0:00:42 (xfr#12, to-chk=1000/2345) x",
  "65,536 2% 61.88kB/s 0:00:42 (xfr#12, no-chk=1000/2345)",
  `${" ".repeat(200)}65,536   2%   61.88kB/s    0:00:42`,
  "1".repeat(1_000_000),
];

for (const line of noProgress) {
  test(`no progress: ${JSON.stringify(line.slice(0, 80))}`, () => {
    assert.equal(parseProgress(latin1(line)), undefined);
  });
}

const stats = [
  "Number of files: 3,012 (reg: 3,000, dir: 12)",
  "Number of created files: 3,012 (reg: 3,000, dir: 12)",
  "Number of deleted files: 0",
  "Number of regular files transferred: 2,999",
  "Total file size: 78,643,200 bytes",
  "Total transferred file size: 78,640,000 bytes",
  "Literal data: 78,640,000 bytes",
  "Matched data: 0 bytes",
  "File list size: 65,536",
  "File list generation time: 0.001 seconds",
  "File list transfer time: 0.000 seconds",
  "Total bytes sent: 79,000,000",
  "Total bytes received: 57,000",
];

test("figures", () => {
  assert.deepEqual(parseStats(stats), {
    files: 3012,
    filesCopied: 2999,
    bytes: 78_643_200,
    bytesCopied: 78_640_000,
    kinds: { reg: 3000, dir: 12, link: 0, dev: 0, special: 0 },
  });
});

test("files by what they are", () => {
  const line = "Number of files: 1,014 (reg: 1,003, dir: 5, link: 3, dev: 2, special: 1)";
  assert.deepEqual(parseStats([line]).kinds, { reg: 1003, dir: 5, link: 3, dev: 2, special: 1 });
});

test("without figures, zeros", () => {
  for (const lines of [[], ["Number of files:"], ["Total file size: many"]]) {
    assert.deepEqual(parseStats(lines), noStats);
  }
});

test("every line of --stats is known as such", () => {
  for (const line of [...stats, "sent 1 bytes  received 2 bytes  3.00 bytes/sec", "total size is 0  speedup is 0.00"]) {
    assert.ok(isStatsLine(latin1(line)), line);
  }
});

test("a line about a file cannot pass for a figure", () => {
  for (const line of stats) {
    const item = latin1(`@>f+++++++++ 5 ${line}`);
    assert.ok(!isStatsLine(item));
    assert.equal(parseItem(item)?.path.toString(), line);
  }
  assert.ok(!isStatsLine(latin1(`Number of files: ${"9".repeat(300)}`)));
});

const items: readonly (readonly [string, { changes: string; size: number; path: string } | undefined])[] = [
  ["@>f+++++++++ 5 etc/hosts", { changes: ">f+++++++++", size: 5, path: "etc/hosts" }],
  // unchanged, with -ii: blanks
  ["@.f          13 same", { changes: ".f", size: 13, path: "same" }],
  ["@.d          4096 ./", { changes: ".d", size: 4096, path: "./" }],
  ["@*deleting   0 old", { changes: "*deleting", size: 0, path: "old" }],
  // names are the rest of the line, whatever is in it
  ["@>f+++++++++ 1  lead", { changes: ">f+++++++++", size: 1, path: " lead" }],
  ["@>f+++++++++ 1 trail ", { changes: ">f+++++++++", size: 1, path: "trail " }],
  ["@>f+++++++++ 1 a => b", { changes: ">f+++++++++", size: 1, path: "a => b" }],
  ["@>f+++++++++ 1 @>f+++++++++ 9 b", { changes: ">f+++++++++", size: 1, path: "@>f+++++++++ 9 b" }],
  ["@>f+++++++++ 1 new\\#012line", { changes: ">f+++++++++", size: 1, path: "new\nline" }],
  ["@>f+++++++++ 1 lit\\#134#012x", { changes: ">f+++++++++", size: 1, path: "lit\\#012x" }],
  ["@>f+++++++++ 1 \\#377\\#376", { changes: ">f+++++++++", size: 1, path: "\xff\xfe" }],
  ["@>f+++++++++ 1 \xff", { changes: ">f+++++++++", size: 1, path: "\xff" }],
  ["@>f+++++++++ 9007199254740991 x", { changes: ">f+++++++++", size: 9_007_199_254_740_991, path: "x" }],
  // no items
  ["", undefined],
  ["@", undefined],
  ["@>f+++++++++ x name", undefined],
  ["@>f+++++++++ 5", undefined],
  [">f+++++++++ 5 name", undefined],
  [" @>f+++++++++ 5 name", undefined],
];

for (const [line, expected] of items) {
  test(`item ${JSON.stringify(line)}`, () => {
    const item = parseItem(latin1(line));
    assert.deepEqual(item && { ...item, path: item.path.toString("latin1") }, expected);
  });
}

test("what happened to a file", () => {
  const table: readonly (readonly [string, Item_Action | undefined])[] = [
    [">f+++++++++", Item_Action.ADD],
    ["cd+++++++++", Item_Action.ADD],
    ["cL+++++++++", Item_Action.ADD],
    ["hf+++++++++", Item_Action.ADD],
    [">f.st......", Item_Action.CHANGE],
    [">fc........", Item_Action.CHANGE],
    ["cLc........", Item_Action.CHANGE],
    [".f...p.....", Item_Action.METADATA],
    [".d..t......", Item_Action.METADATA],
    [".f.........", undefined],
    [".f         ", undefined],
    ["*deleting", Item_Action.DELETE],
    ["*deleting  ", Item_Action.DELETE],
  ];
  for (const [changes, expected] of table) assert.equal(itemAction(changes), expected, changes);
});

test("an unchanged item, its blanks trimmed, did nothing", () => {
  const item = parseItem(latin1("@.f          13 same"));
  assert.ok(item);
  assert.equal(itemAction(item.changes), undefined);
});

test("any bytes come through rsync's escapes", () => {
  const escaped = (bytes: Buffer) =>
    Buffer.concat([...bytes].map((byte) => latin1(`\\#${byte.toString(8).padStart(3, "0")}`)));
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
  assert.deepEqual(unescapeName(escaped(bytes)), bytes);
});

test("what is no escape stays as it is", () => {
  for (const name of ["", "plain", "\\", "\\#", "\\#12", "\\#8zz", "\\#400", "\\012", "#012"]) {
    assert.equal(unescapeName(latin1(name)).toString("latin1"), name);
  }
});

test("what rsync prints names nothing outside of where it writes", () => {
  const within = (path: string) => pathWithin({ path: latin1(path) })?.toString("latin1");
  assert.deepEqual(["srv/a", "/srv/a", "srv/..a/b..", "...", "\xff"].map(within), [
    "srv/a",
    "srv/a",
    "srv/..a/b..",
    "...",
    "\xff",
  ]);
  for (const path of ["", "/", "..", "../a", "/../a", "srv/../../a", "srv/.."])
    assert.equal(within(path), undefined, path);
});
