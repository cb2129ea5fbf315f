import assert from "node:assert/strict";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { discardRoom, makeDiscardRoom, takeDiscardRoom } from "../../../helper/export/discard-room.ts";

for (const [what, size, below, room, restored] of [
  ["as large as what is discarded", 64, 64, 128, 64],
  ["larger", 100, 64, 128, 100],
  ["far larger", 1000, 64, 1000, 1000],
  ["twice as large, by a helper that was killed", 128, 64, 128, 64],
] as const) {
  test(`an image that is ${what}`, () => {
    assert.deepEqual(discardRoom(size, below), { room, restored });
  });
}

test("it has its size again, and what was written beyond it is gone", async () => {
  const directory = await mkdtemp(join(tmpdir(), "discard-room-"));
  try {
    await using image = await open(join(directory, "image"), "w+");
    await image.truncate(4096);
    const restored = await makeDiscardRoom(image, 4096);
    assert.equal((await image.stat()).size, 8192);
    await image.write("beyond", 6000);
    await takeDiscardRoom(image, restored);
    await takeDiscardRoom(image, restored);
    assert.equal((await image.stat()).size, 4096);
  } finally {
    await rm(directory, { recursive: true });
  }
});
