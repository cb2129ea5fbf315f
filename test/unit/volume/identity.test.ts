import assert from "node:assert/strict";
import { test } from "node:test";
import { requireIdentity } from "../../../agent/volume/identity.ts";
import type { Pin } from "../../../agent/volume/pin.ts";
import { LuksmithError } from "../../../common/errors.ts";

const id = "3b241101-e2bb-4255-8caf-4136c566a962";
const other = "3b241101-e2bb-4255-8caf-4136c566a963";
const pin: Pin = {
  ...{ format: 1, id, luksUuid: other, filesystemUuid: other, filesystem: "ext4", imageBytes: 4096 },
  ...{ cipher: "aes-xts-plain64", volumeKeyBits: 512, sectorBytes: 4096, dataOffsetBytes: 4096 },
  ...{ generation: 7, unclean: false },
};
const shown = { format: 1, id, volume: "home", generation: 7 } as const;

test("the generation that was seen last, or a later one", () => {
  requireIdentity(shown, pin, "home", false);
  requireIdentity({ ...shown, generation: 8 }, pin, "home", false);
});

test("an older state has been rolled back, unless that was on purpose", () => {
  for (const generation of [6, 0]) {
    assert.throws(
      () => requireIdentity({ ...shown, generation }, pin, "home", false),
      (error) =>
        error instanceof LuksmithError &&
        error.code === "tampered" &&
        error.message.includes(`shows generation ${generation}, this machine has seen 7`) &&
        (error.hint ?? "").includes("--accept-rollback"),
    );
    requireIdentity({ ...shown, generation }, pin, "home", true);
  }
});

test("another volume is never accepted", () => {
  for (const acceptRollback of [false, true]) {
    assert.throws(() => requireIdentity({ ...shown, id: other }, pin, "home", acceptRollback), {
      code: "tampered",
      message: `the image holds another volume (home, ${other})`,
    });
  }
});
