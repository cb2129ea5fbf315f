/**
 * Ports of direct exports, a file each, locked while a server has the port: an nbd-server gets that file as a descriptor, so that the
 * port is free exactly when it has ended, however it ended and whatever became of its helper.
 */

import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import type { Exec } from "../../common/exec.ts";
import { namesIn } from "../../common/if-there.ts";
import { makeOwnDirectory } from "../session/runtime-directory.ts";
import { lockOrClose } from "../storage/file-lock.ts";

const { O_CREAT, O_NOFOLLOW, O_RDWR } = constants;

/** @returns undefined when another server has it; otherwise its file, locked while it is open */
export async function lockPort(exec: Exec, runtimeDir: string, port: number): Promise<FileHandle | undefined> {
  const directory = join(runtimeDir, "ports");
  await makeOwnDirectory(directory, 0o700);
  return lockOrClose(exec, await open(join(directory, `${port}`), O_CREAT | O_NOFOLLOW | O_RDWR, 0o600));
}

/** Those that servers have now. */
export async function takenPorts(exec: Exec, runtimeDir: string): Promise<number[]> {
  const names = await namesIn(join(runtimeDir, "ports"));
  const taken: number[] = [];
  for (const port of names.filter((name) => /^\d{4,5}$/.test(name)).map(Number)) {
    const lock = await lockPort(exec, runtimeDir, port);
    if (lock === undefined) taken.push(port);
    await lock?.close();
  }
  return taken;
}
