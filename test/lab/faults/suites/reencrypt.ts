/**
 * A re-encryption that is broken off at each of its steps. Whoever has the image and a key opens it by hand at each moment, and the
 * next command goes on to the end.
 */

import assert from "node:assert/strict";
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { type RunEvent, RunState } from "../../../../proto/gen/luksmith/v1/types.ts";
import { assertSettled, dump, keyFile, pinned, storedIn } from "../../harness/key-scene.ts";
import { cheapKdf } from "../../harness/lab-agent.ts";
import { byHand } from "../../harness/opened-by-hand.ts";
import { type Over, sceneOver } from "../../harness/over.ts";
import { assertDone, Scene } from "../../harness/scene.ts";

const source = "/tmp/reencrypt-source";
const content = "kept\n".repeat(200_000);

const atSteps = [
  ["stepBegan", "make another volume key"],
  ["stepEnded", "make another volume key"],
  ["stepBegan", "renew the stored header"],
  ["stepBegan", "re-encrypt"],
  ["stepEnded", "re-encrypt"],
] as const;

export function describeInterruptedReencryption(over: Over): void {
  describe(`a re-encryption ${over.way}, broken off`, () => {
    const scene = Scene.set({
      ...sceneOver(over, "stallTimeout: 5s"),
      prepare: async () => {
        await mkdir(source, { recursive: true });
        await writeFile(join(source, "file"), content);
      },
      config: `
volumes: { home: { remote: vault, image: home.luks, size: 96M, ${cheapKdf} } }
jobs: { docs: { volume: home, sources: [${source}] } }
`,
      volumes: ["home"],
    });
    let isFilled = false;

    /** Of a copy: what is opened is put right first, which the agent's header would know nothing of. */
    async function assertOpensByHand(): Promise<void> {
      await copyFile(storedIn(scene), "/tmp/image");
      await byHand("/tmp/image", keyFile, async (directory) => {
        assert.equal(await readFile(join(directory, "docs/latest", source, "file"), "utf8"), content);
      });
      await rm("/tmp/image");
    }

    /** @returns the run, unless nobody was left to tell of it */
    async function brokenOff(isNow: (event: RunEvent) => boolean, how: () => unknown) {
      if (!isFilled) assertDone(await scene.agent.backup("docs"));
      isFilled = true;
      let isBroken = false;
      const id = await scene.agent.startReencrypt("home", { dropOthers: true });
      const followed = await scene.agent
        .follow(id, (event) => {
          if (isBroken || !isNow(event)) return;
          isBroken = true;
          void how();
        })
        .catch(() => undefined);
      assert.ok(isBroken, "it got so far");
      return followed?.run;
    }

    async function assertEnds(by: "backup" | "reencrypt"): Promise<void> {
      if (by === "backup") assertDone(await scene.agent.backup("docs"));
      else assertDone(await scene.agent.reencrypt("home", { dropOthers: true }));
      await assertSettled(scene);
      assertDone(await scene.agent.check("home"));
      assert.equal((await scene.agent.verify("docs")).run.totals?.filesEqual, 1);
      await assertOpensByHand();
    }

    const digests = async () => JSON.stringify(JSON.parse(await dump(pinned)).digests);
    const isUnderWay = ({ kind }: RunEvent) => kind?.$case === "progress" && kind.value.step === "re-encrypt";

    for (const [index, [when, step]] of atSteps.entries()) {
      it(`by a kill of the agent, ${when}: ${step}`, async () => {
        const before = await digests();
        const { agent } = scene;
        const isNow = ({ kind }: RunEvent) => kind?.$case === when && kind.value.step === step;
        await brokenOff(isNow, () => process.kill(agent.pid, "SIGKILL"));
        await agent[Symbol.asyncDispose]();
        await assertOpensByHand();
        await scene.startAgent();
        await assertEnds(index % 2 === 0 ? "reencrypt" : "backup");
        assert.notEqual(await digests(), before);
      });
    }

    it("by kills of the agent and of cryptsetup, amid the data", async () => {
      for (const victim of ["agent", "cryptsetup"]) {
        const { agent } = scene;
        const run = await brokenOff(isUnderWay, async () => {
          process.kill(victim === "agent" ? agent.pid : await cryptsetup(), "SIGKILL");
        });
        if (victim === "agent") {
          await agent[Symbol.asyncDispose]();
          await scene.startAgent();
        } else assert.equal(run?.state, RunState.FAILED);
        await assertOpensByHand();
      }
      await assertEnds("reencrypt");
    });

    it("by a host that is gone, amid the data", async () => {
      const run = await brokenOff(isUnderWay, () => scene.host.unplug());
      assert.equal(run?.state, RunState.FAILED);
      assert.match(run.error?.code ?? "", /^(lost|stalled)$/);
      await assertOpensByHand();
      await scene.host.plugIn();
      await assertEnds("backup");
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
