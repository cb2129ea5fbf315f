import assert from "node:assert/strict";
import { test } from "node:test";
import { Chosen } from "../../../agent/warm/chosen.ts";

const bytes = (path: string) => Buffer.from(path, "latin1");

test("of a walk, what is chosen and all below it is read, and no directory is entered for nothing", () => {
  const chosen = new Chosen(["/v/snap/a/new", "/v/snap/a/file", "/v/snap/b/\xff"].map(bytes));
  const table: [string, boolean, string[]][] = [
    // directory, entered, which of "file", "other" and "\xff" in it
    ["/v/snap", true, []],
    ["/v/snap/a", true, ["file"]],
    ["/v/snap/a/new", true, ["file", "other", "\xff"]],
    ["/v/snap/a/new/deep/er", true, ["file", "other", "\xff"]],
    ["/v/snap/a/news", false, []],
    ["/v/snap/b", true, ["\xff"]],
    ["/v/snap/c", false, []],
  ];
  for (const [directory, entered, names] of table) {
    assert.equal(chosen.leadsTo(bytes(directory)), entered, directory);
    const found = chosen.of(bytes(directory), ["file", "other", "\xff"].map(bytes));
    assert.deepEqual(
      found.map((name) => name.toString("latin1")),
      names,
      directory,
    );
  }
});
