import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { cleanMessage, cleanText } from "../../../../controller/stream/clean-text.ts";

describe("the text of machines", () => {
  it("has nothing in it that a database or a terminal would stumble over", () => {
    assert.equal(cleanText("a\u0000b\u001b[31mc\u0085\u007f"), "a\ufffdb\ufffd[31mc\ufffd\ufffd");
    assert.equal(cleanText("half \ud83d"), "half \ufffd");
    assert.equal(cleanText("lines\nand\ttabs, ä, 😀"), "lines\nand\ttabs, ä, 😀");
  });

  it("has an end, and no half character there", () => {
    assert.equal(cleanText("x".repeat(9000)).length, 8192);
    assert.equal(cleanText(`${"x".repeat(8191)}😀`).at(-1), "\ufffd");
  });

  it("is cleaned wherever it is in a message; bytes and moments stay", () => {
    const message = {
      list: [{ text: "a\u0000", bytes: Buffer.from([0, 255]) }],
      time: new Date(5),
      never: new Date(Number.NaN),
      number: 1,
      nothing: undefined,
    };
    assert.deepEqual(cleanMessage(message), {
      list: [{ text: "a\ufffd", bytes: Buffer.from([0, 255]) }],
      time: new Date(5),
      never: undefined,
      number: 1,
      nothing: undefined,
    });
  });
});
