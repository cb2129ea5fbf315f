import assert from "node:assert/strict";
import { test } from "node:test";
import { fiemapRequest, firstByteOf } from "../../../agent/warm/advice.ts";

test("where a file begins is read off the kernel's answer", () => {
  const request = fiemapRequest();
  // struct fiemap: all of the file, room for one extent
  assert.equal(request.toString("hex", 0, 32), "0000000000000000ffffffffffffffff00000000000000000100000000000000");
  assert.equal(firstByteOf(request), 0);
  request.writeUInt32LE(1, 20);
  request.writeBigUInt64LE(33_793n * 4096n, 40);
  assert.equal(firstByteOf(request), 33_793 * 4096);
});
