import assert from "node:assert/strict";
import { test } from "node:test";
import { filesFrom, planRestore } from "../../../agent/restore/plan.ts";

const latin1 = (text: string) => Buffer.from(text, "latin1");

/** @param present "d:home" for a directory, "f:x" for a file, "l:y" for a link */
function plan(paths: readonly string[], present: readonly string[]) {
  const { batches, conflicts } = planRestore(
    paths.map(latin1),
    present.map((entry) => ({ type: entry.slice(0, 1), path: latin1(entry.slice(2)) })),
  );
  return {
    conflicts: conflicts.map((path) => path.toString("latin1")),
    batches: batches.map(({ below, paths: grouped }) => ({
      below: below.toString("latin1"),
      paths: grouped.map((path) => path.toString("latin1")),
    })),
  };
}

test("an empty target takes everything at once", () => {
  assert.deepEqual(plan(["etc", "home/alice/x"], []), {
    conflicts: [],
    batches: [{ below: "", paths: ["etc", "home/alice/x"] }],
  });
  assert.deepEqual(plan([], []), { conflicts: [], batches: [] });
});

test("directories that are there keep what they are: copying begins below the innermost", () => {
  assert.deepEqual(plan(["home/alice/x", "home/bob/y", "etc/z", "v/w"], ["d:home", "d:home/alice", "d:etc"]), {
    conflicts: [],
    batches: [
      { below: "home/alice", paths: ["home/alice/x"] },
      { below: "home", paths: ["home/bob/y"] },
      { below: "etc", paths: ["etc/z"] },
      { below: "", paths: ["v/w"] },
    ],
  });
});

test("what is there already is in the way, of whatever type", () => {
  for (const type of ["f", "d", "l", "p", "s", "b", "c", "?"]) {
    assert.deepEqual(plan(["a/x"], ["d:a", `${type}:a/x`]).conflicts, ["a/x"], type);
  }
});

test("what stands where a directory has to be is in the way, and is named once", () => {
  for (const type of ["f", "l", "p"]) {
    assert.deepEqual(plan(["a/x", "a/y/z"], [`${type}:a`]), {
      conflicts: ["a"],
      batches: [{ below: "", paths: ["a/x", "a/y/z"] }],
    });
  }
});

test("nothing is written through a link, even where there is a directory behind it", () => {
  assert.deepEqual(plan(["h/a/b/x"], ["d:h", "l:h/a", "d:h/a/b", "f:h/a/b/x"]), {
    conflicts: ["h/a"],
    batches: [{ below: "h", paths: ["h/a/b/x"] }],
  });
});

test("names are compared as bytes", () => {
  assert.deepEqual(plan(["\xc3\xbf/x", "\xc3\xbe/x", "\n/x"], ["d:\xc3\xbf", "d:\n", "f:\xc3\xbe/y"]), {
    conflicts: [],
    batches: [
      { below: "\xc3\xbf", paths: ["\xc3\xbf/x"] },
      { below: "", paths: ["\xc3\xbe/x"] },
      { below: "\n", paths: ["\n/x"] },
    ],
  });
});

test("a hundred thousand paths at once", () => {
  const paths = Array.from({ length: 100_000 }, (_, index) => `d/${index}`);
  assert.equal(plan(paths, ["d:d"]).batches[0]?.paths.length, paths.length);
});

test("a list for rsync: each from where its place in the target begins", () => {
  const list = (below: string, ...paths: string[]) =>
    filesFrom({ below: latin1(below), paths: paths.map(latin1) }).toString("latin1");
  assert.equal(list("", "etc", "home/alice"), "./etc\0./home/alice\0");
  assert.equal(list("home", "home/alice/x", "home/b"), "./home/./alice/x\0./home/./b\0");
  assert.equal(list("\xff/\n", "\xff/\n/x"), "./\xff/\n/./x\0");
  assert.equal(list(""), "");
});

test("no name begins a record, where # and ; would make it a comment", () => {
  for (const name of ["#x", ";x", "-x", " x"]) {
    const both = [filesFrom({ below: latin1(""), paths: [latin1(name)] })];
    both.push(filesFrom({ below: latin1(name), paths: [latin1(`${name}/y`)] }));
    for (const records of both) assert.equal(records.toString("latin1", 0, 2), "./");
  }
});

test("a directory whose name is not UTF-8 can be no argument: copying begins above it", () => {
  assert.deepEqual(plan(["a/\xff/x", "a/\xff/b/y"], ["d:a", "d:a/\xff", "d:a/\xff/b"]).batches, [
    { below: "a", paths: ["a/\xff/x", "a/\xff/b/y"] },
  ]);
});
