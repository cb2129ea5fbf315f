/** An image as somebody makes it who has only the recipe: LUKS2 on a sparse file, a file system, rsync into its root. */

import { execFile } from "node:child_process";
import { chown, mkdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { makeExec, mustRun } from "../../../common/exec.ts";
import type { SecondHost } from "./second-host.ts";

const run = promisify(execFile);
const { exec } = makeExec();
const deadlineMs = 120_000;
const mapping = "recipe";
const mountPoint = "/tmp/recipe";
const mebi = 2 ** 20;

export interface Recipe {
  /** Its file name. */
  readonly image: string;
  readonly sizeMiB: number;
  readonly passphrase: string;
  readonly sectorBytes: 512 | 4096;
  /** Left out: nothing is in it. */
  readonly filesystem?: "ext4" | "btrfs";
  /** A directory whose content goes into the root. */
  readonly source?: string;
}

export async function makeByRecipe(host: SecondHost, recipe: Recipe): Promise<void> {
  const { image, sizeMiB, passphrase, sectorBytes, filesystem, source } = recipe;
  const path = join(host.imagesPath, image);
  const cryptsetup = (...args: string[]) => mustRun(exec, { file: "cryptsetup", args, stdin: passphrase, deadlineMs });
  await writeFile(path, "", { flag: "wx" });
  await run("truncate", [`--size=${sizeMiB * mebi}`, path]);
  const cheap = ["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", "--sector-size", `${sectorBytes}`];
  await cryptsetup("luksFormat", "--batch-mode", "--type", "luks2", ...cheap, "--key-file", "-", path);
  if (filesystem !== undefined) {
    await cryptsetup("open", "--key-file", "-", path, mapping);
    await run("dmsetup", ["mknodes", mapping]);
    const device = `/dev/mapper/${mapping}`;
    // one of this size gets blocks of 1 KiB
    await run(`mkfs.${filesystem}`, ["-q", device]);
    await mkdir(mountPoint, { recursive: true });
    await run("mount", [device, mountPoint]);
    if (source !== undefined) await run("rsync", ["-a", `${source}/`, `${mountPoint}/`]);
    await run("umount", [mountPoint]);
    await run("cryptsetup", ["close", mapping]);
  }
  const { uid, gid } = await stat(host.imagesPath);
  await chown(path, uid, gid);
}
