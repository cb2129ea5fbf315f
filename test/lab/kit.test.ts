/**
 * The recovery kit, in the hands of a person who has no luksmith: the commands of its page are typed as they are printed. What is
 * done beside that is what the page asks for, and what udev would do, which is not in the lab.
 */

import assert from "node:assert/strict";
import { chmod, copyFile, mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { makeExec, mustRun } from "../../common/exec.ts";
import { cheapKdf, cli, identityFile } from "./harness/lab-agent.ts";
import { assertDone, Scene } from "./harness/scene.ts";

const { exec } = makeExec();
const deadlineMs = 120_000;
const source = "/tmp/kit-source";
const kit = "/tmp/kit";
const config = `
volumes:
  home: { remote: vault, image: home.luks, size: 64M, ${cheapKdf} }
  tree: { remote: vault, image: tree.luks, size: 256M, filesystem: btrfs, ${cheapKdf} }
jobs:
  docs: { volume: home, sources: [${source}] }
  more: { volume: tree, sources: [${source}] }
`;

async function makeSource(): Promise<void> {
  await mkdir(source);
  await writeFile(join(source, "letter"), "dear reader\n", { mode: 0o640 });
  // a person's own login, which the backup host knows
  await mkdir("/root/.ssh", { recursive: true, mode: 0o700 });
}

/** The commands of the sections, by what a section begins with, such as "1a". */
function sectionsOf(page: string): Map<string, string[]> {
  const sections = new Map<string, string[]>();
  let commands: string[] = [];
  for (const line of page.split("\n")) {
    const heading = /^ ?(\d[a-z]?)\. /.exec(line)?.[1];
    if (heading !== undefined) {
      commands = [];
      sections.set(heading, commands);
    } else if (line.startsWith("    ")) commands.push(line.trim());
  }
  return sections;
}

/** Types the commands of these sections into one shell after another, which know what was filled in before. */
async function type(page: string, names: readonly string[], passphrase: string): Promise<void> {
  const sections = sectionsOf(page);
  const filledIn: string[] = [];
  for (const name of names) {
    for (const command of sections.get(name) ?? assert.fail(`the page has no ${name}`)) {
      if (/^[A-Z]+=/.test(command)) {
        filledIn.push(command);
        continue;
      }
      const asks = command.startsWith("cryptsetup open");
      const typed = await exec({
        file: "bash",
        args: ["-c", [...filledIn, command].join("\n")],
        stdin: asks ? `${passphrase}\n` : "",
        deadlineMs,
      });
      assert.equal(typed.exitCode, 0, `${command}: ${typed.stderr}`);
      if (asks) await mustRun(exec, { file: "dmsetup", args: ["mknodes"], deadlineMs });
    }
  }
}

describe("a recovery kit", () => {
  const scene = Scene.set({ config, prepare: makeSource, volumes: ["home", "tree"] });

  async function assertRestored(): Promise<void> {
    const letter = join("/srv/restored", source, "letter");
    assert.equal(await readFile(letter, "utf8"), "dear reader\n");
    assert.equal((await stat(letter)).mode & 0o777, 0o640);
    await rm("/srv/restored", { recursive: true });
  }

  it("gets the files back with the image, by its page", async () => {
    assertDone(await scene.agent.backup("docs"));
    const written = await cli(["kit", "home", "--to", kit, "--new-passphrase", "--replace"]);
    assert.equal(written.exitCode, 0, written.stderr);
    assert.equal((await scene.agent.keys("home")).slots.length, 2);
    const page = await readFile(join(kit, "RECOVERY.txt"), "utf8");
    const passphrase = /^Recovery passphrase: +(\S+)$/m.exec(page)?.[1] ?? "";
    assert.equal(passphrase, await readFile(join(kit, "passphrase.txt"), "utf8"));
    await copyFile(identityFile, "/root/.ssh/id_ed25519");
    await chmod("/root/.ssh/id_ed25519", 0o600);
    const filled = page.replace("KIT=/media/usb/kit", `KIT=${kit}`);
    await type(filled, ["0", "1a", "2a", "3", "4", "5", "6"], passphrase);
    await assertRestored();
    await type(filled, ["0", "1b", "2a", "3", "5", "6", "6b"], passphrase);
    await assertRestored();
  });

  it("gets them back with the passphrase and the image alone, by its page, from btrfs as well", async () => {
    const passphrase = "a passphrase of one's own";
    assertDone(await scene.agent.backup("more"));
    assertDone(await scene.agent.addKey("tree", passphrase));
    const written = await cli(["kit", "tree", "--to", `${kit}-tree`], { stdin: `${passphrase}\n` });
    assert.equal(written.exitCode, 0, written.stderr);
    const page = await readFile(`${kit}-tree/RECOVERY.txt`, "utf8");
    await rm(`${kit}-tree`, { recursive: true });
    // the image is all there is
    await mkdir("/srv/image", { recursive: true });
    await copyFile(join(scene.host.imagesPath, "tree.luks"), "/srv/image/tree.luks");
    await type(page, ["1c", "2b", "3", "4", "5", "6"], passphrase);
    await assertRestored();
  });
});
