/**
 * The directory of an export below /run: root's, with nbd-server's configuration, and in it one for the socket, in which the machine's
 * user can put whatever it likes. So what is in there is not removed by a path of ours, but by rm(1), which goes from one open
 * directory to the next, follows no link and leaves no file system.
 */

import { chmod, chown, mkdir, rmdir, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { hasErrno } from "../../common/errors.ts";
import { type Exec, mustRun } from "../../common/exec.ts";
import type { Owner } from "../storage/machine-directory.ts";

const removalDeadlineMs = 30_000;
const configName = "nbd.conf";
const socketName = "socket";

/** Where the socket of an export is. */
export function socketIn(directory: string): string {
  return join(directory, socketName, "nbd");
}

export function configIn(directory: string): string {
  return join(directory, configName);
}

/** Root's, and open to the machine's user alone; only where the socket goes can that user write. */
export async function makeExportDirectory(directory: string, owner: Owner): Promise<void> {
  const forSocket = join(directory, socketName);
  await mkdir(directory, { mode: 0o700 });
  await mkdir(forSocket, { mode: 0o700 });
  await chown(directory, 0, owner.gid);
  await chmod(directory, 0o750);
  await chown(forSocket, owner.uid, owner.gid);
}

export async function writeConfig(directory: string, text: string, owner: Owner): Promise<string> {
  const path = configIn(directory);
  await writeFile(path, text, { mode: 0o600 });
  await chown(path, 0, owner.gid);
  await chmod(path, 0o640);
  return path;
}

/** Whatever is there of it. */
export async function removeExportDirectory(exec: Exec, directory: string): Promise<void> {
  try {
    await gone(unlink(join(directory, configName)));
    // the directory above is root's, so that this one is no link
    await gone(unlink(socketIn(directory)));
    await gone(rmdir(join(directory, socketName)));
    await gone(rmdir(directory));
  } catch (error) {
    if (!hasErrno(error, "ENOTEMPTY", "EEXIST", "EISDIR", "EPERM", "ENOTDIR")) throw error;
    const args = ["--recursive", "--force", "--one-file-system", "--", directory];
    await mustRun(exec, { file: "rm", args, deadlineMs: removalDeadlineMs });
  }
}

async function gone(removal: Promise<void>): Promise<void> {
  await removal.catch((error: unknown) => {
    if (!hasErrno(error, "ENOENT")) throw error;
  });
}
