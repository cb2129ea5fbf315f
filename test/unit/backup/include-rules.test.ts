import assert from "node:assert/strict";
import { test } from "node:test";
import { includeRules } from "../../../agent/backup/include-rules.ts";

const rules = (...paths: string[]) =>
  includeRules(
    paths.map((path) => Buffer.from(path, "latin1")),
    [],
  )
    .toString("latin1")
    .split("\0");

test("a path, and the directories above it, each once", () => {
  assert.deepEqual(rules("srv/a/f", "srv/a/g", "top"), ["/srv/", "/srv/a/", "/srv/a/f", "/srv/a/g", "/top", ""]);
});

test("wildcards are escaped, and backslashes only beside them", () => {
  assert.deepEqual(rules("a*b", "c?", "[x]", "plain\\back", "both\\*"), [
    "/a\\*b",
    "/c\\?",
    "/\\[x]",
    "/plain\\back",
    "/both\\\\\\*",
    "",
  ]);
});

test("any bytes", () => {
  assert.deepEqual(rules("\xff/\n"), ["/\xff/", "/\xff/\n", ""]);
});

test("the sources, as directories", () => {
  const all = includeRules([Buffer.from("srv/a/f")], ["/srv/a/", "/etc"])
    .toString()
    .split("\0");
  assert.deepEqual(all, ["/srv/", "/srv/a/", "/etc/", "/srv/a/f", ""]);
});
