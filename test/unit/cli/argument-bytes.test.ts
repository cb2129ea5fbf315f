import assert from "node:assert/strict";
import { test } from "node:test";
import { argumentBytes } from "../../../cli/argument-bytes.ts";

const bytes = (text: string) => Buffer.from(text, "latin1");

test("a name that is text is its UTF-8", () => {
  assert.deepEqual(argumentBytes("été", []), Buffer.from("été"));
});

test("a name that is not UTF-8 is found among the raw arguments", () => {
  const raw = [bytes("ls"), bytes("home"), bytes("caf\xe9")];
  assert.deepEqual(argumentBytes("caf\uFFFD", raw), bytes("caf\xe9"));
});

test("two names that look the same when decoded are told apart by their order", () => {
  const raw = [bytes("\xe8"), bytes("\xe9")];
  assert.deepEqual(argumentBytes("\uFFFD", raw), bytes("\xe8"));
  assert.deepEqual(argumentBytes("\uFFFD", raw), bytes("\xe9"));
});

test("a name behind an option's =", () => {
  assert.deepEqual(argumentBytes("/tmp/\uFFFD", [bytes("--to=/tmp/\xe9")]), bytes("/tmp/\xe9"));
});

test("a name that has U+FFFD itself", () => {
  assert.deepEqual(argumentBytes("a\uFFFD", [Buffer.from("a\uFFFD")]), Buffer.from("a\uFFFD"));
  assert.deepEqual(argumentBytes("a\uFFFD", []), Buffer.from("a\uFFFD"));
});
