import assert from "node:assert/strict";
import { test } from "node:test";
import { parseLuksHeader, slotToken } from "../../../agent/tools/luks-header.ts";

const slot = (type = "luks2") => ({ type, key_size: 64, kdf: { type: "argon2id" } });
const added = new Date("2026-11-23T02:00:00Z");

function header(changes: object = {}): string {
  return JSON.stringify({
    keyslots: { 10: slot(), 0: slot(), 1: slot() },
    tokens: {
      0: slotToken(1, "recovery", added),
      1: { type: "systemd-tpm2", keyslots: ["0", "10"] },
      2: { type: "clevis", keyslots: ["1"] },
    },
    segments: {},
    digests: {},
    config: { json_size: "12288", keyslots_size: "4194304" },
    ...changes,
  });
}

test("slots in the order of their numbers, with what is noted of them", () => {
  const { slots, metadataBytes, isReencrypting } = parseLuksHeader(header());
  assert.deepEqual(
    slots.map((each) => [each.slot, each.kdf, each.role, each.addedAt]),
    [
      [0, "argon2id", undefined, undefined],
      [1, "argon2id", "recovery", added],
      [10, "argon2id", undefined, undefined],
    ],
  );
  assert.deepEqual([metadataBytes, isReencrypting], [16_384, false]);
});

test("of a slot that goes, the tokens go that are about nothing else", () => {
  const { tokensOf } = parseLuksHeader(header());
  assert.deepEqual([tokensOf(1), tokensOf(0), tokensOf(7)], [[0, 2], [], []]);
});

test("a re-encryption that has begun is noticed by its slot and by its requirement", () => {
  assert.ok(parseLuksHeader(header({ keyslots: { 0: slot(), 1: slot("reencrypt") } })).isReencrypting);
  const config = { json_size: "12288", keyslots_size: "1", requirements: { mandatory: ["online-reencrypt-v2"] } };
  assert.ok(parseLuksHeader(header({ config })).isReencrypting);
});

test("whether a re-encryption has come to the data yet", () => {
  const crypt = { type: "crypt" };
  const kept = { 8: { ...crypt, flags: ["backup-previous"] }, 9: { ...crypt, flags: ["backup-final"] } };
  const touched = (segments: object, ...ofOld: string[]) =>
    parseLuksHeader(
      header({
        segments: { ...segments, ...kept },
        digests: { 0: { segments: [...ofOld, "8"] }, 1: { segments: ["9"] } },
      }),
    ).hasTouchedData;
  assert.equal(touched({ 0: crypt }, "0"), false);
  assert.equal(touched({ 0: { ...crypt, flags: ["in-reencryption"] }, 1: crypt }, "1"), true);
  assert.equal(touched({ 0: crypt, 1: crypt }, "1"), true);
  // all of it is done
  assert.equal(touched({ 0: crypt }), true);
});

test("that one was cut short amid a piece of the data is seen by the piece", () => {
  const segments = (...flags: string[]) => ({ segments: { 0: { type: "crypt" }, 1: { type: "crypt", flags } } });
  assert.ok(parseLuksHeader(header(segments("in-reencryption"))).needsRecovery);
  assert.ok(!parseLuksHeader(header(segments("backup-previous"))).needsRecovery);
});

test("what is no header, and a token of ours that says nothing", () => {
  for (const text of ["", "{}", header({ config: {} })]) {
    assert.throws(() => parseLuksHeader(text), { code: "tool_failed" });
  }
  const tokens = { 0: { type: "luksmith", keyslots: ["0"], role: "king" } };
  assert.equal(parseLuksHeader(header({ tokens })).slots[0]?.role, undefined);
});
