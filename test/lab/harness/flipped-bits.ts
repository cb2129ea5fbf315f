/** Bits flipped in the ciphertext: on btrfs its own checksums find them, on ext4 the same flips are found against the source. */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { VerifyLevel } from "../../../proto/gen/luksmith/v1/agent.ts";
import { RandomSource } from "../faults/engine/random-source.ts";
import { cheapKdf } from "./lab-agent.ts";
import { chunksOf, flipBit, metadataOf, placeOf } from "./on-disk.ts";
import { byHand, byHandDevice } from "./opened-by-hand.ts";
import { assertDone, Scene, type SceneOptions } from "./scene.ts";

/** Printed; a run is repeated with the one that it printed in this place. */
const seed: string = randomUUID();
const source = "/tmp/scrub-source";
const files = 24;
const flips = 6;
const metadataFlips = 2;
/** More than what is kept in metadata. */
const leastBytes = 100_000;
const random = new RandomSource(seed);
const nameOf = (index: number) => `file ${index}`;

/** Half of it does not shrink, half of it does. */
async function writeSource(index: number): Promise<void> {
  const bytes = random.whole(leastBytes, 2 * leastBytes);
  const words = () => Buffer.from(Array.from({ length: bytes / 8 }, () => `${random.whole(1, 9999)} of `).join(""));
  await writeFile(join(source, nameOf(index)), index % 2 === 0 ? random.bytes(bytes) : words());
}

/** @param reached how the scene's volumes are reached */
export function describeFlippedBits(reached: Pick<SceneOptions, "remote" | "helper">): void {
  describe(`flipped bits, ${reached.remote}`, () => {
    const scene = Scene.set({
      ...reached,
      prepare: async () => {
        await mkdir(source);
        for (let index = 0; index < files; index += 1) await writeSource(index);
      },
      config: `
volumes:
  sums: { remote: vault, image: sums.luks, size: 256M, filesystem: btrfs, ${cheapKdf} }
  plain: { remote: vault, image: plain.luks, size: 64M, ${cheapKdf} }
jobs:
  sums: { volume: sums, sources: [${source}] }
  plain: { volume: plain, sources: [${source}] }
`,
      volumes: ["sums", "plain"],
    });
    const imageOf = (volume: string) => join(scene.host.imagesPath, `${volume}.luks`);
    const open = (volume: string, work: (directory: string) => Promise<void>) =>
      byHand(imageOf(volume), `/etc/luksmith/keys/${volume}.key`, work, ["-o", "ro"]);
    const named = (warnings: readonly string[]) => warnings.map((warning) => warning.split(": ")[0]).sort();

    it("are not there in the beginning", async (context) => {
      context.diagnostic(`seed ${seed}`);
      assertDone(await scene.agent.backup("sums"));
      await writeSource(0);
      for (const job of ["sums", "plain"]) assertDone(await scene.agent.backup(job));
      const { run, events } = await scene.agent.scrub("sums");
      assertDone({ run, events, warnings: [] });
      assert.match(run.summary, /every checksum is right/);
      const progress = events.flatMap(({ kind }) => (kind?.$case === "progress" ? [kind.value] : []));
      assert.ok(
        progress.some(({ step, bytesTotal }) => step === "scrub" && bytesTotal > files * leastBytes),
        "it says how far it is",
      );
      const refused = await scene.agent.scrub("plain");
      assert.equal(refused.run.error?.code, "usage");
      await assert.rejects(scene.agent.startVerify("sums", { level: VerifyLevel.SCRUB, snapshot: "2026-11-25" }), {
        code: "usage",
      });
    });

    it("in metadata cost nothing, are found, and mended from the second copy", async () => {
      let places: number[] = [];
      await open("sums", async () => {
        const nodes = await metadataOf(byHandDevice, await chunksOf(byHandDevice));
        places = Array.from({ length: metadataFlips }, () => {
          const node = random.pick(nodes as [(typeof nodes)[0], ...typeof nodes]);
          return node.at + random.whole(0, node.bytes - 1);
        });
      });
      for (const at of places) await flipBit(imageOf("sums"), at, random.whole(0, 7));
      const found = await scene.agent.scrub("sums");
      assert.equal(found.run.error?.code, "tampered");
      assert.match(found.run.error?.message ?? "", /the checksums of \d+ blocks? are wrong; no file is damaged$/);
      // some of it the kernel mends as it mounts the volume for writing, the rest by the scrub
      assertDone(await scene.agent.check("sums", { repair: true }));
      assertDone(await scene.agent.scrub("sums"));
    });

    it("in files are found, and the files named", async () => {
      const chosen = Array.from({ length: flips }, () => ({
        index: random.whole(0, files - 1),
        at: random.fraction(),
      }));
      const flipped = await Promise.all(
        chosen.map(async ({ index, at }) => {
          const { size } = await stat(join(source, nameOf(index)));
          return { name: nameOf(index), offset: Math.floor(at * size), bit: random.whole(0, 7) };
        }),
      );
      for (const volume of ["sums", "plain"]) {
        const places: number[] = [];
        const newest = (await scene.agent.snapshots(volume)).at(-1)?.name ?? "";
        await open(volume, async (directory) => {
          const chunks = volume === "sums" ? await chunksOf(byHandDevice) : undefined;
          const tree = join(directory, volume, newest, source);
          for (const { name, offset } of flipped) places.push(await placeOf(join(tree, name), offset, chunks));
        });
        for (const [index, at] of places.entries()) await flipBit(imageOf(volume), at, flipped[index]?.bit ?? 0);
      }
      const names = [...new Set(flipped.map(({ name }) => name))];
      const compared = await scene.agent.verify("plain");
      assert.equal(compared.run.error?.code, "tampered");
      assert.deepEqual(named(compared.warnings), names.map((name) => join(source, name)).sort());
      const scrubbed = await scene.agent.scrub("sums");
      assert.equal(scrubbed.run.error?.code, "tampered");
      const [older = "", newer = ""] = (await scene.agent.snapshots("sums")).map(({ name }) => name);
      const expected = names.flatMap((name) => {
        // that one was written anew for the second
        const snapshots = name === nameOf(0) ? [newer] : [older, newer];
        return snapshots.map((snapshot) => join("sums", snapshot, source, name));
      });
      assert.deepEqual(named(scrubbed.warnings), expected.sort());
    });

    it("leave nothing behind when the agent is killed while it looks for them", async () => {
      await scene.host.setLink({ rttMs: 0, mbit: 8 });
      const id = await scene.agent.startVerify("sums", { level: VerifyLevel.SCRUB });
      const began = Promise.withResolvers<void>();
      const following = scene.agent.follow(id, ({ kind }) => {
        if (kind?.$case === "stepBegan" && kind.value.step === "scrub") began.resolve();
      });
      following.catch(() => undefined);
      await began.promise;
      await scene.agent.stop("SIGKILL");
      await scene.host.setLink({ rttMs: 0 });
      await scene.startAgent();
      // and is cancelled at once when it is to be
      await scene.host.setLink({ rttMs: 0, mbit: 8 });
      const second = await scene.agent.startVerify("sums", { level: VerifyLevel.SCRUB });
      const { run } = await scene.agent.follow(second, ({ kind }) => {
        if (kind?.$case === "stepBegan" && kind.value.step === "scrub") void scene.agent.cancel(second);
      });
      await scene.host.setLink({ rttMs: 0 });
      assert.equal(run.error?.code, "cancelled");
    });
  });
}
