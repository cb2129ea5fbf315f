/** A volume with btrfs in it: made, backed up into, broken off, grown, trimmed and looked over, as one with ext4. */

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { RunState } from "../../../proto/gen/luksmith/v1/types.ts";
import { cheapKdf } from "./lab-agent.ts";
import { assertDone, Scene } from "./scene.ts";
import { until } from "./until.ts";

const source = "/srv/source";
const large = join(source, "large");
const target = "/srv/back";
const mebi = 2 ** 20;
const largeBytes = 8 * mebi;
const bytesPerBlock = 512;

export function describeBtrfs(transport: "sshfs" | "nbd"): void {
  describe(`a volume with btrfs, by ${transport}`, () => {
    const scene = Scene.set({
      remote: `transport: ${transport}`,
      helper: {},
      prepare: async () => {
        await mkdir(source, { recursive: true });
        await writeFile(large, randomBytes(largeBytes));
        await writeFile(join(source, "letter"), "dear all\n");
      },
      config: `
volumes: { home: { remote: vault, image: home.luks, size: 256M, filesystem: btrfs, ${cheapKdf} } }
jobs: { docs: { volume: home, sources: [${source}] } }
`,
      volumes: ["home"],
    });
    after(() => rm(source, { recursive: true, force: true }));

    const allocated = async () => (await stat(join(scene.host.imagesPath, "home.luks"))).blocks * bytesPerBlock;

    it("is backed up into, and restored from", async () => {
      assertDone(await scene.agent.backup("docs"));
      await writeFile(join(source, "letter"), "dear both\n");
      assertDone(await scene.agent.backup("docs"));
      assertDone(await scene.agent.restore("docs", target));
      assert.deepEqual(await readFile(join(target, large)), await readFile(large));
      await rm(target, { recursive: true });
    });

    it("goes on after a kill in the middle of a backup", async () => {
      await writeFile(join(source, "more"), randomBytes(5 * mebi));
      const before = await scene.host.wireBytes();
      await scene.host.setLink({ rttMs: 0, mbit: 8 });
      const { run } = await scene.agent.startBackup("docs");
      await until(async () => (await scene.host.wireBytes()).sent - before.sent > 3 * mebi, "half of it is sent");
      await scene.agent.stop("SIGKILL");
      await scene.host.setLink({ rttMs: 0 });
      await scene.startAgent();
      const { runs } = await scene.agent.runs();
      assert.equal(runs.find(({ id }) => id === run?.id)?.state, RunState.INTERRUPTED);
      assertDone(await scene.agent.backup("docs"));
      assertDone(await scene.agent.check("home"));
      assertDone(await scene.agent.verify("docs"));
    });

    it("grows", async () => {
      await scene.agent.stop();
      await scene.startAgent((config) => config.replace("256M", "320M"));
      assertDone(await scene.agent.resize("home"));
      assert.equal((await stat(join(scene.host.imagesPath, "home.luks"))).size, 320 * mebi);
    });

    it("gives back what was removed", async () => {
      await rm(large);
      assertDone(await scene.agent.backup("docs"));
      const older = (await scene.agent.snapshots("docs")).map(({ name }) => name).slice(0, -1);
      assertDone(await scene.agent.prune("docs", { snapshots: older }));
      const full = await allocated();
      const trimmed = await scene.agent.trim("home");
      assertDone(trimmed);
      const rest = await allocated();
      assert.ok(full - rest >= 0.8 * largeBytes, `${full} before, ${rest} after; ${trimmed.run.summary}`);
      assertDone(await scene.agent.verify("docs"));
    });

    it("has nothing to be repaired", async () => {
      const { run, events } = await scene.agent.check("home", { repair: true });
      assert.equal(run.error, undefined, run.error?.message);
      const notes = events.flatMap(({ kind }) => (kind?.$case === "note" ? [kind.value.message] : []));
      assert.ok(notes.includes("there was nothing to repair"), notes.join("; "));
    });
  });
}
