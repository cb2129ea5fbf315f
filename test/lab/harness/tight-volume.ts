/** A volume with no room for what is backed up into it. Filling one by backups would take most of a minute. */

import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { cheapKdf } from "./lab-agent.ts";
import type { SecondHost } from "./second-host.ts";

const run = promisify(execFile);
const mapping = "ballast";
const mountPoint = "/tmp/ballast";
/** Of the 64 MiB the header takes 16, and the file system 7 for itself. */
const ballastMiB = 36;

/** To stand below `volumes:`. */
export const tightVolume = `tight: { remote: vault, image: tight.luks, size: 64M, ${cheapKdf} }`;
export const bigFiles = 12;

/** More than the volume takes, in files of which several fit. */
export async function makeBigSource(directory: string): Promise<void> {
  await mkdir(directory);
  for (let index = 0; index < bigFiles; index += 1) await writeFile(join(directory, `f${index}`), randomBytes(800_000));
}

/** Takes room in the created volume: blocks that are allocated, and written by nobody. */
export async function takeRoom(host: SecondHost, volume = "tight", takenMiB = ballastMiB): Promise<void> {
  const image = join(host.imagesPath, `${volume}.luks`);
  await run("cryptsetup", ["open", "--key-file", `/etc/luksmith/keys/${volume}.key`, image, mapping]);
  await mkdir(mountPoint, { recursive: true });
  await run("mount", [`/dev/mapper/${mapping}`, mountPoint]);
  await run("fallocate", ["--length", `${takenMiB}MiB`, join(mountPoint, "ballast")]);
  await run("umount", [mountPoint]);
  await run("cryptsetup", ["close", mapping]);
}
