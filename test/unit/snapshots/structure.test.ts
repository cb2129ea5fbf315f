import assert from "node:assert/strict";
import { test } from "node:test";
import { oddities } from "../../../agent/snapshots/structure.ts";

const older = { name: "2026-11-22T02-00-00Z", type: "d" };
const newer = { name: "2026-11-23T02-00-00Z", type: "d" };
const partial = { name: "2026-11-24T02-00-00Z.partial", type: "d" };
const link = { name: "latest", type: "l" };

test("as luksmith leaves it", () => {
  assert.deepEqual(oddities("home", { entries: [newer, older, link, partial], latest: newer.name }), []);
  assert.deepEqual(oddities("home", { entries: [], latest: undefined }), []);
  assert.deepEqual(oddities("home", { entries: [partial], latest: undefined }), []);
});

test("a link that leads elsewhere, or is missing", () => {
  assert.deepEqual(oddities("home", { entries: [older, newer, link], latest: older.name }), [
    `job home: the link \`latest\` leads to "${older.name}", and the newest snapshot is ${newer.name}; the next backup puts it right`,
  ]);
  assert.deepEqual(oddities("home", { entries: [older], latest: undefined }), [
    "job home: the link `latest` is missing; the next backup makes it",
  ]);
});

test("what is not luksmith's", () => {
  const foreign = [
    { name: "notes\n.txt", type: "f" },
    { name: "2026-11-21T02-00-00Z", type: "l" },
  ];
  assert.deepEqual(oddities("home", { entries: [older, link, ...foreign], latest: older.name }), [
    'job home: "notes\\u{a}.txt" is in its directory, and no snapshot of luksmith\'s',
    'job home: "2026-11-21T02-00-00Z" is in its directory, and no snapshot of luksmith\'s',
  ]);
});
