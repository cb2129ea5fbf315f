/** Volumes that are not created: because something is there, or because the operator thought better of it. */

import assert from "node:assert/strict";
import { readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { RunState } from "../../proto/gen/luksmith/v1/types.ts";
import { cheapKdf } from "./harness/lab-agent.ts";
import { Scene } from "./harness/scene.ts";

describe("a volume", () => {
  const scene = Scene.set({
    config: `
volumes:
  home: { remote: vault, image: home.luks, size: 64M, ${cheapKdf} }
  twice: { remote: vault, image: taken.luks, size: 64M, ${cheapKdf} }
`,
    volumes: ["home"],
  });

  it("is not created twice, nor over an image that is there", async () => {
    const again = await scene.agent.create("home");
    assert.equal(again.run.error?.code, "exists");
    const taken = join(scene.host.imagesPath, "taken.luks");
    await writeFile(taken, "somebody's");
    const twice = await scene.agent.create("twice");
    assert.equal(twice.run.error?.code, "exists");
    assert.equal(await readFile(taken, "utf8"), "somebody's");
    await assert.rejects(stat("/etc/luksmith/keys/twice.key"), "the key that was made for it is gone again");
    assert.equal((await scene.agent.volumes()).volumes.find(({ name }) => name === "twice")?.created, false);
  });

  it("leaves no image behind when its creation is cancelled", async () => {
    const taken = join(scene.host.imagesPath, "taken.luks");
    await rm(taken);
    const { run: started } = await scene.agent.createVolume("twice");
    const id = started?.id ?? "";
    const { run: ended } = await scene.agent.follow(id, ({ kind }) => {
      if (kind?.$case === "stepBegan" && kind.value.step === "make the file system") void scene.agent.cancel(id);
    });
    assert.equal(ended.state, RunState.CANCELLED);
    await assert.rejects(stat(taken), /ENOENT/);
  });
});
