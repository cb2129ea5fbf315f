import assert from "node:assert/strict";
import { test } from "node:test";
import { RecordSplitter } from "../../../agent/tools/record-splitter.ts";

const newline = 10;

function split(end: number, chunks: readonly Buffer[]): string[] {
  const splitter = new RecordSplitter(end);
  const records = chunks.flatMap((chunk) => splitter.push(chunk));
  return [...records, splitter.flush()].map((record) => record.toString("latin1"));
}

const data = Buffer.from("one\n\n\xff\xfe\0x\r\nlast", "latin1");
const lines = ["one", "", "\xff\xfe\0x\r", "last"];

test("wherever the chunks are cut, the records are the same", () => {
  for (let first = 0; first <= data.length; first += 1) {
    for (let second = first; second <= data.length; second += 1) {
      const chunks = [data.subarray(0, first), data.subarray(first, second), data.subarray(second)];
      assert.deepEqual(split(newline, chunks), lines, `${first}, ${second}`);
    }
  }
});

test("records that end with NUL keep their newlines", () => {
  assert.deepEqual(split(0, [Buffer.from("a\nb\0"), Buffer.from("\0c\0")]), ["a\nb", "", "c", ""]);
});

test("nothing in, nothing out", () => {
  assert.deepEqual(split(0, []), [""]);
  assert.deepEqual(new RecordSplitter(0).push(Buffer.alloc(0)), []);
});

test("flush empties", () => {
  const splitter = new RecordSplitter(newline);
  splitter.push(Buffer.from("rest"));
  assert.equal(splitter.flush().toString(), "rest");
  assert.equal(splitter.flush().length, 0);
  assert.deepEqual(splitter.push(Buffer.from("x\n")).map(String), ["x"]);
});

test("a record of many chunks is held together", () => {
  const splitter = new RecordSplitter(newline);
  const piece = Buffer.alloc(1000, "x");
  for (let count = 0; count < 1000; count += 1) assert.deepEqual(splitter.push(piece), []);
  assert.equal(splitter.push(Buffer.from("\n"))[0]?.length, 1_000_000);
});

test("a record that never ends is not collected for ever", () => {
  const splitter = new RecordSplitter(newline);
  assert.throws(() => {
    for (let count = 0; count < 100; count += 1) splitter.push(Buffer.alloc(1 << 16, "x"));
  }, RangeError);
});
