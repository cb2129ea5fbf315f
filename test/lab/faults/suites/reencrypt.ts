/**
 * A re-encryption that is broken off at each of its steps, and goes on from there. Whoever has the image and a key opens it by hand
 * after each.
 */

import assert from "node:assert/strict";
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { RunState } from "../../../../proto/gen/luksmith/v1/types.ts";
import { assertSettled, dump, keyFile, pinned, storedIn } from "../../harness/key-scene.ts";
import { byHand } from "../../harness/opened-by-hand.ts";
import { type Over, sceneOver } from "../../harness/over.ts";
import { assertDone, homeAndDocs, Scene } from "../../harness/scene.ts";

const source = "/tmp/reencrypt-source";
const content = "kept\n".repeat(200_000);

/** In this order, one after another on the same data: each goes on from where the one before it was broken off. */
const moments = [
  ["the agent", "stepBegan", "make another volume key"],
  ["the agent", "stepEnded", "make another volume key"],
  ["the agent", "stepBegan", "renew the stored header"],
  ["the agent", "stepBegan", "re-encrypt"],
  ["the agent", "progress", "re-encrypt"],
  ["cryptsetup", "progress", "re-encrypt"],
  ["the connection", "progress", "re-encrypt"],
  ["the agent", "stepEnded", "re-encrypt"],
] as const;

export function describeInterruptedReencryption(over: Over): void {
  describe(`a re-encryption ${over.way}`, () => {
    const scene = Scene.set({
      ...sceneOver(over, "stallTimeout: 5s"),
      prepare: async () => {
        await mkdir(source, { recursive: true });
        await writeFile(join(source, "file"), content);
      },
      config: homeAndDocs(source),
      volumes: ["home"],
    });
    const digests = async () => JSON.stringify(JSON.parse(await dump(pinned)).digests);
    let before = "";

    /** Of a copy: what is opened is put right first, which the agent's header would know nothing of. */
    async function assertOpensByHand(meanwhile = () => Promise.resolve()): Promise<void> {
      await copyFile(storedIn(scene), "/tmp/image");
      await meanwhile();
      await byHand("/tmp/image", keyFile, async (directory) => {
        assert.equal(await readFile(join(directory, "docs/latest", source, "file"), "utf8"), content);
      });
      await rm("/tmp/image");
    }

    async function breakOff(victim: (typeof moments)[number][0]): Promise<void> {
      if (victim === "the agent") process.kill(scene.agent.pid, "SIGKILL");
      else if (victim === "cryptsetup") process.kill(await cryptsetup(), "SIGKILL");
      else await scene.host.unplug();
    }

    it("begins with a backup", async () => {
      assertDone(await scene.agent.backup("docs"));
      before = await digests();
    });

    for (const [victim, when, step] of moments) {
      it(`opens by hand when it has lost ${victim}, ${when}: ${step}`, async () => {
        const { agent } = scene;
        let broken: Promise<void> | undefined;
        const id = await agent.startReencrypt("home", { dropOthers: true });
        const followed = await agent
          .follow(id, ({ kind }) => {
            if (kind?.$case === when && kind.value.step === step) broken ??= breakOff(victim);
          })
          .catch(() => undefined);
        assert.ok(broken, "it got so far");
        await broken;
        if (victim === "the agent") await agent[Symbol.asyncDispose]();
        else assert.equal(followed?.run.state, RunState.FAILED);
        // it releases what was left: until then cryptsetup may wait for a device, and holds its lock on that volume
        await assertOpensByHand(async () => {
          if (victim === "the agent") await scene.startAgent();
        });
        if (victim === "the connection") {
          assert.match(followed?.run.error?.code ?? "", /^(lost|stalled)$/);
          await scene.host.plugIn();
        }
      });
    }

    it("is gone on with by a backup, to its end", async () => {
      assertDone(await scene.agent.backup("docs"));
      await assertSettled(scene);
      assert.notEqual(await digests(), before);
      assertDone(await scene.agent.check("home"));
      assert.equal((await scene.agent.verify("docs")).run.totals?.filesEqual, 1);
      await assertOpensByHand();
    });

    it("refuses an older image that was put back amid it", async () => {
      const put = "/tmp/put-back";
      await copyFile(storedIn(scene), put);
      let cancelled: Promise<unknown> | undefined;
      const id = await scene.agent.startReencrypt("home");
      await scene.agent.follow(id, ({ kind }) => {
        if (kind?.$case === "progress" && kind.value.step === "re-encrypt") cancelled ??= scene.agent.cancel(id);
      });
      assert.ok(cancelled);
      await copyFile(storedIn(scene), "/tmp/newest");
      await copyFile(put, storedIn(scene));
      const refused = await scene.agent.reencrypt("home");
      assert.equal(refused.run.error?.code, "tampered", refused.run.error?.message);
      await copyFile("/tmp/newest", storedIn(scene));
      assertDone(await scene.agent.reencrypt("home"));
    });
  });
}

async function cryptsetup(): Promise<number> {
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const argv = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).split("\0");
    if (argv[0]?.endsWith("cryptsetup") && argv.includes("--resume-only")) return Number(pid);
  }
  assert.fail("no cryptsetup re-encrypts");
}
