import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ancestors,
  joinPath,
  requireNoLinkAbove,
  snapshotPath,
  withAncestors,
  withoutNested,
} from "../../../agent/restore/paths.ts";
import { LuksmithError } from "../../../common/errors.ts";

const latin1 = (text: string) => Buffer.from(text, "latin1");
const texts = (paths: readonly Buffer[]) => paths.map((path) => path.toString("latin1"));

const understood: readonly (readonly [string, string])[] = [
  ["", ""],
  ["/", ""],
  ["///", ""],
  [".", ""],
  ["./.", ""],
  ["/etc/hosts", "etc/hosts"],
  ["etc/hosts", "etc/hosts"],
  ["//etc///hosts//", "etc/hosts"],
  ["./etc/./hosts/.", "etc/hosts"],
  // dots that are part of a name
  ["...", "..."],
  ["..a/b..", "..a/b.."],
  [".hidden", ".hidden"],
  // names are bytes
  ["/\xff\xfe/\n", "\xff\xfe/\n"],
  ["/a\nb/'\"$(id)", "a\nb/'\"$(id)"],
  ["-rf", "-rf"],
  ["/#x/;y", "#x/;y"],
  ["\\..", "\\.."],
  ["a".repeat(4095), "a".repeat(4095)],
];

for (const [typed, path] of understood) {
  test(`${JSON.stringify(typed.slice(0, 40))} is ${JSON.stringify(path.slice(0, 40))}`, () => {
    assert.equal(snapshotPath(latin1(typed)).toString("latin1"), path);
  });
}

const refused = ["..", "/..", "../etc", "etc/..", "a/../b", "./..", "//..//", "a\0b", "\0", "a/".repeat(100_000)];

for (const typed of refused) {
  test(`refused: ${JSON.stringify(typed.slice(0, 40))}`, () => {
    assert.throws(
      () => snapshotPath(latin1(typed)),
      (error) => error instanceof LuksmithError && error.code === "usage" && !/[\0\n]/.test(error.message),
    );
  });
}

test("a refused path is shown harmlessly", () => {
  assert.throws(
    () => snapshotPath(latin1("../\u001b[2J\n")),
    /a path in a snapshot cannot hold "\.\.": \$'.*\\x1b\[2J\\n'$/,
  );
});

const nested: readonly (readonly [readonly string[], readonly string[]])[] = [
  [[], []],
  [["a"], ["a"]],
  [
    ["b", "a"],
    ["a", "b"],
  ],
  [["a", "a"], ["a"]],
  [["a/b", "a", "a/b/c"], ["a"]],
  [["a/b/c", "a"], ["a"]],
  // neighbours that only begin alike, and one that sorts between a directory and what is in it
  [
    ["a", "ab", "a!", "a/b"],
    ["a", "a!", "ab"],
  ],
  [
    ["a/b", "a/bc", "a/b/d"],
    ["a/b", "a/bc"],
  ],
  // the whole snapshot
  [["a", "", "b"], [""]],
  [["", ""], [""]],
  [
    ["\xff", "\xff/\xfe", "\xfe"],
    ["\xfe", "\xff"],
  ],
];

for (const [asked, kept] of nested) {
  test(`of ${JSON.stringify(asked)}, ${JSON.stringify(kept)} is enough`, () => {
    assert.deepEqual(texts(withoutNested(asked.map(latin1))), kept);
  });
}

test("as many paths as a message can hold", () => {
  const paths = Array.from({ length: 300_000 }, (_, index) => latin1(`d/${index}`));
  assert.equal(withoutNested(paths).length, paths.length);
  assert.equal(withoutNested([...paths, latin1("d")]).length, 1);
});

test("directories above", () => {
  assert.deepEqual(texts(ancestors(latin1("home/alice/x"))), ["home", "home/alice"]);
  assert.deepEqual(texts(ancestors(latin1("home"))), []);
  assert.deepEqual(texts(ancestors(latin1(""))), []);
  assert.deepEqual(texts(ancestors(latin1("\xff/\n/x"))), ["\xff", "\xff/\n"]);
});

test("parts, joined", () => {
  assert.equal(joinPath([]).length, 0);
  assert.equal(joinPath([latin1("a"), latin1("\xff")]).toString("latin1"), "a/\xff");
});

test("what is above several paths, each once", () => {
  const paths = ["home/alice/x", "home/alice/y", "etc"].map(latin1);
  assert.deepEqual(texts(withAncestors(paths)), ["home", "home/alice", "home/alice/x", "home/alice/y", "etc"]);
});

test("a path behind a symbolic link is none of the snapshot's; the link itself is", () => {
  const there = [
    { path: latin1("home"), type: "d" },
    { path: latin1("home/link"), type: "l" },
  ];
  assert.doesNotThrow(() => requireNoLinkAbove(["home/link", "home/linked/x"].map(latin1), there));
  assert.throws(() => requireNoLinkAbove(["home/other", "home/link/x/y"].map(latin1), there), {
    code: "not_found",
    message: "a symbolic link in the snapshot, not a directory: home/link",
  });
});
