/** The keys of a volume `home` as a scene sees them: what opens its two headers, and whether something is left undone. */

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { open, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { makeExec } from "../../../common/exec.ts";
import { stateDir } from "./lab-agent.ts";
import type { Scene } from "./scene.ts";

const { exec } = makeExec();
const deadlineMs = 60_000;
const directory = join(stateDir, "volumes/home");

export const pinned = join(directory, "header.luks");
export const keyFile = "/etc/luksmith/keys/home.key";

export function storedIn({ host }: Scene): string {
  return join(host.imagesPath, "home.luks");
}

export async function opens(header: string, key: string | Buffer): Promise<boolean> {
  const args = ["open", "--test-passphrase", "--type", "luks2", "--key-file", "-", header];
  return (await exec({ file: "cryptsetup", args, stdin: key, deadlineMs })).exitCode === 0;
}

/** @returns for the pinned header, and for the stored one */
export async function opensBoth(scene: Scene, key: string | Buffer): Promise<boolean[]> {
  return [await opens(pinned, key), await opens(storedIn(scene), key)];
}

export async function dump(header: string): Promise<string> {
  const args = ["luksDump", "--dump-json-metadata", header];
  return (await exec({ file: "cryptsetup", args, deadlineMs })).stdout.toString();
}

/** As many bytes of the image as the pinned header has. */
export async function storedHeader(scene: Scene): Promise<Buffer> {
  const { size } = await stat(pinned);
  const file = await open(storedIn(scene), "r");
  try {
    return (await file.read(Buffer.alloc(size), 0, size, 0)).buffer;
  } finally {
    await file.close();
  }
}

export async function assertSettled(scene: Scene): Promise<void> {
  assert.ok((await readFile(pinned)).equals(await storedHeader(scene)), "the stored header is the pinned one");
  for (const left of ["key-change.json", "header.luks.changed"]) assert.ok(!existsSync(join(directory, left)), left);
  assert.ok(!existsSync(`${keyFile}.luksmith-next`));
}
