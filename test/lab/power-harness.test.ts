/** The lab's power cuts themselves: what was on the disk is there in the next life, what was in memory is not. */

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { LastingState } from "./harness/lasting-state.ts";
import { currentLife, PowerCut } from "./harness/power-cut.ts";

const directory = "/srv/lasting";
const settled = join(directory, "settled");
const synced = join(directory, "synced");
const written = join(directory, "written");
const onTheHost = "/out/written";
const elsewhere = "/srv/elsewhere";
const text = "something\n";

async function writeAndSync(path: string): Promise<void> {
  await using file = await open(path, "w");
  await file.writeFile(text);
  await file.sync();
}

describe(`life ${currentLife()} of a machine`, () => {
  if (currentLife() === 1) {
    it("ends at once", async () => {
      await using state = await LastingState.mount([directory]);
      await writeFile(settled, text);
      await state.settle();
      await writeAndSync(synced);
      for (const path of [written, onTheHost, elsewhere]) await writeFile(path, text);
      const powerCut = await PowerCut.request();
      await powerCut.comes();
    });
  } else {
    it("begins with what was on the disk, and with nothing else", async () => {
      await using _state = await LastingState.mount([directory]);
      for (const path of [settled, synced, onTheHost]) assert.equal(await readFile(path, "utf8"), text, path);
      // its name may have been written out, its content was in memory alone
      assert.equal(existsSync(written) ? await readFile(written, "utf8") : "", "");
      assert.equal(existsSync(elsewhere), false);
    });
  }
});
