import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MarkedStream } from "../../lab/harness/marked-stream.ts";

/** Feeds the chunks; @returns what came through after each, and whether the mark was found. */
async function feed(mark: string, chunks: readonly string[]): Promise<{ seen: string[]; found: boolean }> {
  let passed = "";
  const stream = new MarkedStream(mark, (piece) => {
    passed += piece.toString();
  });
  const seen = chunks.map((chunk) => {
    passed = "";
    stream.write(Buffer.from(chunk));
    return passed;
  });
  const found = await Promise.race([stream.found.then(() => true), Promise.resolve().then(() => false)]);
  return { seen, found };
}

describe("a marked stream", () => {
  it("passes on at once what cannot be the mark", async () => {
    assert.deepEqual(await feed("MARK", ["hello", " world"]), { seen: ["hello", " world"], found: false });
  });

  it("ends at the mark and keeps it to itself", async () => {
    assert.deepEqual(await feed("MARK", ["outMARKafter", "more"]), { seen: ["out", ""], found: true });
  });

  it("finds a mark in pieces", async () => {
    assert.deepEqual(await feed("MARK", ["outM", "AR", "K"]), { seen: ["out", "", ""], found: true });
  });

  it("gives back what only began like the mark", async () => {
    assert.deepEqual(await feed("MARK", ["MA", "MA", "RCO"]), { seen: ["", "MA", "MARCO"], found: false });
  });

  it("finds a mark that follows its own beginning", async () => {
    assert.deepEqual(await feed("aab", ["aa", "ab"]), { seen: ["", "a"], found: true });
  });
});
