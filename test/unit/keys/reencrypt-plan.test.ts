import assert from "node:assert/strict";
import { test } from "node:test";
import { noRoomForHoles, planSlots, requireOneLine } from "../../../agent/keys/reencrypt-plan.ts";
import type { LuksHeader, SlotRole } from "../../../agent/tools/luks-header.ts";

const roles: Readonly<Record<number, SlotRole>> = { 1: "recovery", 2: "added" };
const header: LuksHeader = {
  slots: [0, 1, 2].map((slot) => ({ slot, kdf: "argon2id", role: roles[slot], addedAt: undefined })),
  tokensOf: () => [],
  metadataBytes: 16_384,
  isReencrypting: false,
  needsRecovery: false,
  hasTouchedData: true,
};

test("what is not named is given up only when that is said", () => {
  const none = { own: 0, keep: [], dropOthers: false };
  assert.throws(() => planSlots(header, none, "home"), {
    code: "usage",
    message: /2 more key slots.*: slot 1 \(a recovery passphrase\), slot 2 \(added by somebody\)$/,
    hint: /^luksmith key reencrypt home --keep 1 --keep 2 asks/,
  });
  assert.throws(() => planSlots(header, { ...none, keep: [2] }, "home"), { hint: /home --keep 1 asks/ });
  assert.deepEqual(planSlots(header, { ...none, dropOthers: true }, "home"), { stays: [0], goes: [1, 2] });
});

test("what is named stays, in the order of the slots, and the agent's own always", () => {
  const all = { own: 1, keep: [2, 0], dropOthers: false };
  assert.deepEqual(planSlots(header, all, "home"), { stays: [0, 1, 2], goes: [] });
  assert.deepEqual(planSlots(header, { own: 2, keep: [2], dropOthers: true }, "home"), { stays: [2], goes: [0, 1] });
});

test("a slot that is not there cannot stay", () => {
  assert.throws(() => planSlots(header, { own: 0, keep: [7], dropOthers: true }, "home"), { code: "not_found" });
});

test("a key with a line break would be half a key to cryptsetup", () => {
  requireOneLine(Buffer.from([0, 13, 255]), "it", "h");
  assert.throws(() => requireOneLine(Buffer.from("word\n"), "/k", "h"), { code: "usage", message: /^\/k holds/ });
});

test("the holes of an image need room, where the host says how much it has", () => {
  const wanted = { volume: "home", remote: "vault", moreBytes: 2 ** 30 };
  assert.equal(noRoomForHoles({ ...wanted, freeBytes: 2 ** 30 }), undefined);
  assert.equal(noRoomForHoles({ ...wanted, freeBytes: undefined }), undefined);
  const fault = noRoomForHoles({ ...wanted, freeBytes: 2 ** 20 });
  assert.equal(fault?.code, "full");
  assert.match(fault?.message ?? "", /volume home would take 1\.00 GiB more on vault, which has 1\.00 MiB left$/);
});
