import assert from "node:assert/strict";
import { test } from "node:test";
import { pssBytes } from "../../lab/bench/memory-watch.ts";

test("the proportional set size is read off the kernel's summary", () => {
  const text = "55d0-7ffc ---p 00000000 00:00 0 [rollup]\nRss:  900 kB\nPss:     123 kB\nPss_Dirty:   40 kB\n";
  assert.equal(pssBytes(text), 123 * 1024);
  assert.equal(pssBytes(""), 0);
});
