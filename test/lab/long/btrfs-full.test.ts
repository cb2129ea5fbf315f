/** A volume with btrfs that is full: what is there stays, room can be made, and the backup goes on where it was. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { cheapKdf } from "../harness/lab-agent.ts";
import { byHand } from "../harness/opened-by-hand.ts";
import { assertDone, Scene } from "../harness/scene.ts";
import { makeBigSource } from "../harness/tight-volume.ts";

const run = promisify(execFile);
const source = "/tmp/big-source";
/** Less than the source takes. */
const leftBytes = 4 * 2 ** 20;

describe("a full volume with btrfs", () => {
  const scene = Scene.set({
    prepare: () => makeBigSource(source),
    config: `
volumes: { home: { remote: vault, image: home.luks, size: 256M, filesystem: btrfs, ${cheapKdf} } }
jobs: { docs: { volume: home, sources: [${source}] } }
`,
    volumes: ["home"],
  });
  const inVolume = (work: (directory: string) => Promise<void>) =>
    byHand(join(scene.host.imagesPath, "home.luks"), "/etc/luksmith/keys/home.key", work);

  it("says so, and goes on when there is room", async () => {
    await inVolume(async (directory) => {
      const { stdout } = await run("df", ["--block-size=1", "--output=avail", directory]);
      const bytes = Number(stdout.trim().split("\n").at(-1)) - leftBytes;
      await run("fallocate", ["--length", `${bytes}`, join(directory, "ballast")]);
    });
    const full = await scene.agent.backup("docs");
    assert.equal(full.run.error?.code, "full", full.run.error?.message);
    assert.match(full.run.error?.message ?? "", /about [\d.]+ MiB more are needed/);
    assert.deepEqual(
      (await scene.agent.snapshots("docs")).map(({ partial }) => partial),
      [true],
    );
    await inVolume((directory) => rm(join(directory, "ballast")));
    const { run: ended, events } = await scene.agent.backup("docs");
    assert.equal(ended.error, undefined, ended.error?.message);
    const notes = events.flatMap(({ kind }) => (kind?.$case === "note" ? [kind.value.message] : []));
    assert.ok(
      notes.some((note) => note.startsWith("going on with the interrupted snapshot")),
      notes.join("; "),
    );
    assertDone(await scene.agent.verify("docs"));
    assertDone(await scene.agent.scrub("docs"));
    assertDone(await scene.agent.prune("docs", { snapshots: [ended.snapshot] }));
    assertDone(await scene.agent.check("home"));
  });
});
