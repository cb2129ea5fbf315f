import assert from "node:assert/strict";
import { test } from "node:test";
import type { PartialState } from "../../../agent/backup/partial-states.ts";
import {
  type Beginning,
  intendedPath,
  isDoubtful,
  isWorthComparing,
  longest,
  type PartialFile,
} from "../../../agent/backup/unfinished.ts";

test("where a file belongs that rsync had not finished", () => {
  const table = {
    ".big.aB3xYz": "big",
    "srv/db/.dump.sql.Q1w2E3": "srv/db/dump.sql",
    "srv/..hidden.a1b2c3": "srv/.hidden",
    "srv/big": "srv/big",
    // whoever gave it that name wants it to lead elsewhere
    "srv/....a1b2c3": "srv/....a1b2c3",
    "srv/...a1b2c3": "srv/...a1b2c3",
    "srv/.big": "srv/.big",
    "srv/.big.short": "srv/.big.short",
    "srv/.a.b/plain": "srv/.a.b/plain",
    ".dir.abcdef/file": ".dir.abcdef/file",
    "..abcdef": "..abcdef",
  };
  for (const [path, intended] of Object.entries(table)) assert.equal(intendedPath(path), intended, path);
});

const begunMs = Date.UTC(2026, 10, 25, 2);
const settledMs = begunMs + 60_000;
const nowMs = settledMs + 60_000;
const state: PartialState = { selection: "", begunMs, settledMs, isClosed: false };
const file = (change: Partial<PartialFile>): PartialFile => ({
  ...{ bytes: 100, links: 1, bornMs: begunMs + 1000, changedMs: begunMs + 2000 },
  ...change,
});

const doubts: readonly (readonly [string, Partial<PartialFile>, Partial<PartialState>, boolean])[] = [
  ["written before the last time that all was written out", {}, {}, false],
  ["written since", { changedMs: settledMs + 1 }, {}, true],
  ["written at that moment, or nearly", { changedMs: settledMs - 1000 }, {}, true],
  ["made long before, and written to since", { bornMs: begunMs - 86_400_000, changedMs: settledMs + 1 }, {}, true],
  [
    "shared with an earlier snapshot since",
    { links: 2, bornMs: begunMs - 60_000, changedMs: settledMs + 1 },
    {},
    false,
  ],
  ["new, with two names", { links: 2, changedMs: settledMs + 1 }, {}, true],
  ["dated before the snapshot was begun: the clock was set back", { changedMs: begunMs - 3_600_000 }, {}, true],
  [
    "with two names, dated before the snapshot was begun",
    { links: 2, bornMs: begunMs - 9e6, changedMs: begunMs - 9e6 },
    {},
    true,
  ],
  ["in one that was written out in the future: the clock was set back", {}, { settledMs: nowMs + 3_600_000 }, true],
  ["in one that was never written out", {}, { settledMs: undefined }, true],
  ["in one that has been looked through", { changedMs: settledMs + 1 }, { isClosed: true }, false],
];
for (const [what, change, known, doubtful] of doubts) {
  test(`a file ${what} ${doubtful ? "is doubtful" : "can be relied on"}`, () => {
    assert.equal(isDoubtful(file(change), { ...state, ...known }, nowMs), doubtful);
  });
}

test("only what is large is compared, and nothing that has another name", () => {
  assert.equal(isWorthComparing(file({ bytes: 2 ** 20 })), true);
  assert.equal(isWorthComparing(file({ bytes: 2 ** 20, links: 2 })), false);
  assert.equal(isWorthComparing(file({ bytes: 2 ** 10 })), false);
});

test("the longest beginning of what is on the machine", () => {
  const beginning = (snapshot: string, path: string, bytes: number): Beginning => ({ snapshot, at: path, path, bytes });
  const found = [beginning("/old", "big", 30), beginning("/new", "big", 60), beginning("/new", "gone", 20)];
  assert.deepEqual(
    longest(found, (path) => path === "big"),
    [found[1]],
  );
  assert.deepEqual(
    longest([], () => true),
    [],
  );
});
