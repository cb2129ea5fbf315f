/** An image that was made by hand, and becomes a volume. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { chown, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { cheapKdf, cli, type Followed } from "./harness/lab-agent.ts";
import { byHand } from "./harness/opened-by-hand.ts";
import { makeByRecipe } from "./harness/recipe.ts";
import { assertDone, Scene } from "./harness/scene.ts";

/** Called as its job: there is a directory of that name in the root of the image, too. */
const source = "/tmp/docs";
const passphrase = "correct horse";
const files = 20;

async function makeSource(): Promise<void> {
  await mkdir(join(source, "docs/deep"), { recursive: true });
  for (let index = 0; index < files - 2; index += 1) await writeFile(join(source, `f${index}`), `file ${index}\n`);
  await writeFile(join(source, "docs/deep/in it"), "deep\n");
  await writeFile(join(source, "--name"), "looks like an option\n");
}

function notes({ events }: Followed): string {
  return events.flatMap(({ kind }) => (kind?.$case === "note" ? [kind.value.message] : [])).join("\n");
}

describe("an image that was made by hand", () => {
  const scene = Scene.set({
    prepare: makeSource,
    config: `
volumes:
  home: { remote: vault, image: home.luks, size: 64M, ${cheapKdf} }
  empty: { remote: vault, image: empty.luks, size: 64M, ${cheapKdf} }
  noise: { remote: vault, image: noise.luks, size: 64M, ${cheapKdf} }
  gone: { remote: vault, image: gone.luks, size: 64M, ${cheapKdf} }
jobs:
  docs: { volume: home, sources: [${source}] }
  empty: { volume: empty, sources: [${source}] }
  noise: { volume: noise, sources: [${source}] }
  gone: { volume: gone, sources: [${source}] }
`,
    volumes: [],
  });
  const image = (name: string) => join(scene.host.imagesPath, `${name}.luks`);
  const digest = async (name: string) =>
    createHash("sha256")
      .update(await readFile(image(name)))
      .digest("hex");

  before(async () => {
    const recipe = { sizeMiB: 64, passphrase, sectorBytes: 512 } as const;
    await makeByRecipe(scene.host, { ...recipe, image: "home.luks", filesystem: "ext4", source });
    await makeByRecipe(scene.host, { ...recipe, image: "empty.luks" });
    await writeFile(image("noise"), Buffer.alloc(2 ** 20, "noise"));
    const { uid, gid } = await stat(scene.host.imagesPath);
    await chown(image("noise"), uid, gid);
  });

  it("is refused as it is when it cannot become a volume, or nobody has its key", async () => {
    const asked = { passphrase: Buffer.from(passphrase) };
    const before = { home: await digest("home"), empty: await digest("empty") };
    const refusals: [volume: string, options: object, code: string, why: RegExp][] = [
      ["noise", asked, "usage", /it is not LUKS2/],
      ["empty", asked, "usage", /neither ext4 nor btrfs in it/],
      ["gone", asked, "not_found", /there is no image gone\.luks/],
      ["home", { passphrase: Buffer.from("wrong") }, "wrong_key", /no key slot opens/],
      ["home", {}, "usage", /names no key/],
      ["home", { ...asked, root: "/srv" }, "usage", /nothing to do with what job docs backs up/],
    ];
    for (const [volume, options, code, why] of refusals) {
      const { run } = await scene.agent.adopt(volume, volume === "home" ? "docs" : volume, options);
      assert.equal(run.error?.code, code, run.error?.message);
      assert.match(run.error?.message ?? "", why);
      assert.ok(run.error?.hint !== "" || code === "wrong_key");
    }
    await assert.rejects(scene.agent.adopt("home", "noise"), /no job .*noise.* backs up into volume home/);
    assert.deepEqual({ home: await digest("home"), empty: await digest("empty") }, before);
  });

  it("is shown before anything is written, and what is pinned is what was shown", async () => {
    const before = await digest("home");
    const asked = { passphrase: Buffer.from(passphrase), dryRun: true };
    const looked = await scene.agent.adopt("home", "docs", asked);
    assertDone(looked);
    assert.match(notes(looked), /aes-xts-plain64 with a key of 512 bits, sectors of 512 bytes, .*1 key slot .*pbkdf2/);
    assert.match(notes(looked), /in it: ext4 .*, last written 20/);
    assert.match(notes(looked), /becomes .*\/tmp\/docs.* in snapshot \S+ of job docs/);
    assert.equal(await digest("home"), before);
    assert.equal((await scene.agent.volumes()).volumes.find(({ name }) => name === "home")?.created, false);
  });

  it("becomes one without a copy: the next backup shares what is in it", async () => {
    const typed = ["volume", "adopt", "home", "--job", "docs", "--passphrase", "--yes", "--json"];
    const adopted = await cli(typed, { stdin: `${passphrase}\n` });
    assert.equal(adopted.exitCode, 0, adopted.stderr + adopted.stdout.toString());
    const created = JSON.parse(adopted.stdout.toString().trim().split("\n").at(-1) ?? "");
    assert.equal(created.type, "volume_created");
    const [first] = await scene.agent.snapshots("docs");
    assert.ok(first);
    await writeFile(join(source, "new"), "since then\n");
    const backup = await scene.agent.backup("docs");
    assertDone(backup);
    assert.equal(backup.run.totals?.filesCopied, 1);
    assertDone(await scene.agent.check("home"));
    const verified = await scene.agent.verify("docs");
    assertDone(verified);
    assert.equal(verified.run.totals?.filesEqual, files + 1);
    // the key that was made, the passphrase of before and the recovery passphrase all open what the host has
    const keys = ["/etc/luksmith/keys/home.key", "/tmp/old-key", "/tmp/recovery-key"];
    await writeFile("/tmp/old-key", passphrase);
    await writeFile("/tmp/recovery-key", created.recoveryPassphrase);
    for (const key of keys) {
      await byHand(image("home"), key, async (directory) => {
        const seen = await readdir(directory);
        assert.deepEqual(seen.toSorted(), [".luksmith", "docs", "lost+found"]);
        const at = (snapshot: string) => stat(join(directory, "docs", snapshot, source, "docs/deep/in it"));
        assert.equal((await at(first.name)).ino, (await at(backup.run.snapshot)).ino);
      });
    }
    const again = await scene.agent.adopt("home", "docs", { passphrase: Buffer.from(passphrase) });
    assert.equal(again.run.error?.code, "exists");
  });
});
