import assert from "node:assert/strict";
import { test } from "node:test";
import { parseRecords, type SnapshotRecord, withoutRecords } from "../../../agent/snapshots/record.ts";

const record: SnapshotRecord = {
  snapshot: "2026-11-23T02-00-00Z",
  run: "r1",
  files: 3,
  bytes: 4096,
  bytesCopied: 10,
  warnings: 0,
  incomplete: false,
  sources: ["/home", "/etc/a\nb"],
};
const line = (change: object = {}) => JSON.stringify({ ...record, ...change });

test("what was written is read, one a line", () => {
  const other = { ...record, snapshot: "2026-11-24T02-00-00Z", incomplete: true };
  const records = parseRecords(`${line()}\n${JSON.stringify(other)}\n`);
  assert.deepEqual([...records.values()], [record, other]);
  assert.deepEqual(records.get(record.snapshot), record);
});

test("a later line wins", () => {
  assert.equal(parseRecords(`${line()}\n${line({ files: 7 })}\n`).get(record.snapshot)?.files, 7);
});

test("of snapshots that are removed the lines go; the others stay as they are", () => {
  const [first, second, odd] = [line(), line({ snapshot: "2026-11-24T02-00-00Z", more: 1 }), "no JSON"];
  const removed = new Set([record.snapshot, "2026-11-25T02-00-00Z"]);
  assert.equal(withoutRecords(`${first}\n${second}\n${odd}\n${first}\n`, removed), `${second}\n${odd}\n`);
  assert.equal(withoutRecords(`${first}\n`, removed), "");
  assert.equal(withoutRecords(`${second}\n`, removed), `${second}\n`);
});

test("what later versions add does no harm", () => {
  assert.deepEqual(parseRecords(line({ more: { x: 1 } })).get(record.snapshot), record);
});

const passedOver = [
  "",
  "\n\n\n",
  "no JSON",
  line().slice(0, -5),
  "null",
  "[]",
  "3",
  '"text"',
  line({ snapshot: 3 }),
  line({ snapshot: undefined }),
  line({ files: "3" }),
  line({ files: null }),
  line({ sources: "/home" }),
  line({ incomplete: 1 }),
  // figures that no counter of ours could have, nor a message to a client hold
  line({ files: -1 }),
  line({ bytes: 0.5 }),
  line().replace('"bytes":4096', '"bytes":1e400'),
  line().replace('"bytes":4096', '"bytes":1e300'),
  "{".repeat(100_000),
  "\u0000\ufffd",
];

for (const text of passedOver) {
  test(`passed over: ${JSON.stringify(text.slice(0, 60))}`, () => {
    assert.equal(parseRecords(text).size, 0);
    assert.deepEqual([...parseRecords(`${text}\n${line()}\n${text}`).values()], [record]);
  });
}

test("a name that objects have of their own is a name like any other", () => {
  const records = parseRecords(line({ snapshot: "__proto__" }));
  assert.equal(records.get("__proto__")?.files, 3);
  assert.equal(records.get("constructor"), undefined);
});
