import assert from "node:assert/strict";
import { test } from "node:test";
import { DifferenceCount, difference, isWorthReading } from "../../../agent/look/difference.ts";
import { toSortable } from "../../../agent/look/sortable-path.ts";
import { parseRecord, type Seen } from "../../../agent/look/tree.ts";
import { FileEntry_Type } from "../../../proto/gen/luksmith/v1/types.ts";

/** As find prints it: see tree.ts. */
function seen(rest: string, path = "./etc/hosts"): Seen {
  return parseRecord(toSortable(Buffer.from(`${path}//${rest}`)).toString("latin1"));
}

const file = seen("f 644 0 0 12 1700000000.5000000000 42:11 ");

test("a record is understood, whatever is in a name or a target", () => {
  assert.deepEqual(
    { ...file.entry, path: `${file.entry.path}`, target: `${file.entry.target}` },
    {
      ...{ path: "etc/hosts", type: FileEntry_Type.FILE, mode: 0o644, uid: 0, gid: 0, size: 12 },
      ...{ modified: new Date(1_700_000_000_500), target: "", owner: "", group: "" },
    },
  );
  const link = seen("l 777 0 0 5 1.0 42:12 a b//c", "./a\x01b/\x02 c");
  assert.equal(`${link.entry.path}`, "a\x01b/\x02 c");
  assert.equal(`${link.entry.target}`, "a b//c");
  assert.equal(seen("d 755 0 0 5 1.0 42:12 ", ".").entry.path.length, 0);
});

const table: [
  title: string,
  before: string,
  after: string,
  content: boolean | undefined,
  differs: string[] | undefined,
][] = [
  ["one inode", "f 644 0 0 1 1.0 1:1 ", "f 644 0 0 1 1.0 1:1 ", undefined, undefined],
  ["the same size and time", "f 644 0 0 1 1.0 1:1 ", "f 644 0 0 1 1.0 1:2 ", undefined, undefined],
  [
    "the same number on another device is another file",
    "f 644 0 0 1 1.0 1:1 ",
    "f 644 0 0 2 1.0 2:1 ",
    undefined,
    ["content"],
  ],
  ["the same to the second alone", "f 644 0 0 1 1.1 1:1 ", "f 644 0 0 1 1.2 1:2 ", undefined, ["content"]],
  ["read, and different", "f 644 0 0 1 1.0 1:1 ", "f 644 0 0 1 1.0 1:2 ", false, ["content"]],
  ["read, and the same", "f 644 0 0 1 1.0 1:1 ", "f 644 0 0 1 2.0 1:2 ", true, ["modified"]],
  ["mode and owner", "f 644 0 0 1 1.0 1:1 ", "f 4755 0 7 1 1.0 1:2 ", undefined, ["mode", "owner"]],
  ["a directory's time", "d 755 0 0 1 1.0 1:1 ", "d 755 0 0 2 2.0 1:2 ", undefined, undefined],
  ["a directory's mode", "d 755 0 0 1 1.0 1:1 ", "d 700 0 0 1 1.0 1:2 ", undefined, ["mode"]],
  ["where a link points", "l 777 0 0 1 1.0 1:1 a", "l 777 0 0 1 1.0 1:2 b", undefined, ["content"]],
  ["a file that is a link now", "f 644 0 0 1 1.0 1:1 ", "l 777 9 9 1 1.0 1:2 b", undefined, ["type"]],
];

for (const [title, before, after, content, differs] of table) {
  test(title, () => {
    const found = difference(seen(before), seen(after), content);
    const said = found && Object.entries(found).flatMap(([what, does]) => (does === true ? [what] : []));
    assert.deepEqual(said, differs);
  });
}

test("what was added or removed is that, and nothing else", () => {
  assert.deepEqual(difference(undefined, file)?.before, undefined);
  assert.equal(difference(file, undefined)?.after, undefined);
});

test("only files of one size, and of two inodes, are worth reading", () => {
  const [one, other] = [seen("f 644 0 0 1 1.0 1:1 "), seen("f 644 0 0 1 2.0 1:2 ")];
  assert.ok(isWorthReading(one, other));
  assert.ok(!isWorthReading(one, one));
  assert.ok(!isWorthReading(one, seen("f 644 0 0 2 1.0 1:2 ")));
  assert.ok(!isWorthReading(seen("f 644 0 0 0 1.0 1:1 "), seen("f 644 0 0 0 1.0 1:2 ")));
  assert.ok(!isWorthReading(one, seen("l 777 0 0 1 1.0 1:2 x")));
  assert.ok(!isWorthReading(undefined, one));
});

test("they are counted", () => {
  const count = new DifferenceCount();
  for (const found of [
    difference(undefined, file),
    difference(file, undefined),
    difference(seen("f 644 0 0 1 1.0 1:1 "), seen("f 644 0 0 2 1.0 1:2 ")),
    difference(seen("d 755 0 0 1 1.0 1:1 "), seen("d 700 0 0 1 1.0 1:2 ")),
  ]) {
    assert.ok(found);
    count.add(found);
  }
  assert.equal(`${count}`, "1 added, 1 removed, 1 changed, 1 with another mode, owner or time");
});
