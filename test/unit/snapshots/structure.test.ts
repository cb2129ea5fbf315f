import assert from "node:assert/strict";
import { test } from "node:test";
import { oddities } from "../../../agent/snapshots/structure.ts";

const older = { name: "2026-11-22T02-00-00Z", type: "d", leadsTo: "" };
const newer = { name: "2026-11-23T02-00-00Z", type: "d", leadsTo: "" };
const partial = { name: "2026-11-24T02-00-00Z.partial", type: "d", leadsTo: "" };
const linkTo = (leadsTo: string) => ({ name: "latest", type: "l", leadsTo });
const now = new Date("2026-11-25T00:00:00Z");

test("as luksmith leaves it", () => {
  assert.deepEqual(oddities("home", [newer, older, partial, linkTo(newer.name)], now), []);
  assert.deepEqual(oddities("home", [], now), []);
  assert.deepEqual(oddities("home", [partial], now), []);
});

test("a link that leads elsewhere, or is missing", () => {
  assert.deepEqual(oddities("home", [older, newer, linkTo(older.name)], now), [
    `job home: the link \`latest\` leads to "${older.name}", and the newest snapshot is ${newer.name}; the next backup puts it right`,
  ]);
  assert.deepEqual(oddities("home", [older], now), [
    "job home: the link `latest` is missing; the next backup makes it",
  ]);
});

test("what is not luksmith's", () => {
  const foreign = [
    { name: "notes\n.txt", type: "f", leadsTo: "" },
    { name: "2026-11-21T02-00-00Z", type: "l", leadsTo: "" },
  ];
  assert.deepEqual(oddities("home", [older, ...foreign, linkTo(older.name)], now), [
    'job home: "notes\\u{a}.txt" is in its directory, and no snapshot of luksmith\'s',
    'job home: "2026-11-21T02-00-00Z" is in its directory, and no snapshot of luksmith\'s',
  ]);
});

test("one dated in the future is the newest only if the link leads there", () => {
  const ahead = { name: "2031-01-01T00-00-00Z", type: "d", leadsTo: "" };
  assert.deepEqual(oddities("home", [older, ahead, linkTo(older.name)], now), []);
  assert.deepEqual(oddities("home", [older, ahead, linkTo(ahead.name)], now), []);
});
