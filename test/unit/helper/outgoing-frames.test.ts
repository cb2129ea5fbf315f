import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { OutgoingFrames } from "../../../helper/session/outgoing-frames.ts";

function frame(type: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header[3] = type;
  return Buffer.concat([header, payload]);
}

function goAway(code: number): Buffer {
  const payload = Buffer.alloc(8 + 17, "x");
  payload.writeUInt32BE(code, 4);
  return frame(7, payload);
}

describe("HTTP/2's last words", () => {
  const settings = frame(4, Buffer.alloc(6));
  // what it carries looks like one
  const data = frame(0, goAway(1));
  for (const size of [1, 2, 7, 9, 17, 1000]) {
    it(`are heard in pieces of ${size} bytes, and not in what it carries`, () => {
      const frames = new OutgoingFrames();
      const say = (words: Buffer) => {
        for (let at = 0; at < words.length; at += size) frames.push(words.subarray(at, at + size));
      };
      say(Buffer.concat([settings, data, goAway(0), frame(0, Buffer.alloc(0))]));
      assert.equal(frames.errorCode, 0);
      say(Buffer.concat([data, goAway(11)]));
      assert.equal(frames.errorCode, 11);
    });
  }
});
