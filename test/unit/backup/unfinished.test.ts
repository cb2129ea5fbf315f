import assert from "node:assert/strict";
import { test } from "node:test";
import { type Beginning, intendedPath, isSparse, unfinished } from "../../../agent/backup/unfinished.ts";

test("where a file belongs that rsync had not finished", () => {
  const table = {
    ".big.aB3xYz": "big",
    "srv/db/.dump.sql.Q1w2E3": "srv/db/dump.sql",
    "srv/..hidden.a1b2c3": "srv/.hidden",
    "srv/big": "srv/big",
    "srv/.big": "srv/.big",
    "srv/.big.short": "srv/.big.short",
    "srv/.a.b/plain": "srv/.a.b/plain",
    ".dir.abcdef/file": ".dir.abcdef/file",
    "..abcdef": "..abcdef",
  };
  for (const [path, intended] of Object.entries(table)) assert.equal(intendedPath(path), intended, path);
});

test("holes show in the blocks", () => {
  assert.equal(isSparse({ blocks: 8, bytes: 4096 }), false);
  assert.equal(isSparse({ blocks: 8, bytes: 1 }), false);
  assert.equal(isSparse({ blocks: 0, bytes: 0 }), false);
  assert.equal(isSparse({ blocks: 0, bytes: 1 }), true);
  assert.equal(isSparse({ blocks: 8, bytes: 8192 }), true);
});

test("the longest beginning of what is longer on the machine", () => {
  const beginning = (snapshot: string, path: string, bytes: number): Beginning => ({ snapshot, at: path, path, bytes });
  const sizes = new Map([
    ["big", 100],
    ["whole", 50],
    ["shrunk", 10],
  ]);
  const found = [
    beginning("/old", "big", 30),
    beginning("/new", "big", 60),
    beginning("/new", "whole", 50),
    beginning("/new", "shrunk", 20),
    beginning("/new", "gone", 20),
  ];
  assert.deepEqual(unfinished(found, sizes), [found[1]]);
  assert.deepEqual(unfinished([], sizes), []);
});
