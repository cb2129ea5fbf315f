/** The key of a volume, from its file; refused when others could have read it. */

import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { hasErrno, LuksmithError } from "../../common/errors.ts";

/** cryptsetup's own limit for keys from files (cryptsetup(8), --keyfile-size). */
export const keyLimitBytes = 8 * 2 ** 20;

/** Of a key that we make. */
export const generatedKeyBytes = 64;

const newline = 0x0a;

/** One line of any other bytes, since cryptsetup's re-encryption takes keys line by line; 511 bits are left of 512. */
export function makeKeyBytes(): Buffer {
  for (;;) {
    const key = randomBytes(generatedKeyBytes);
    if (!key.includes(newline)) return key;
    key.fill(0);
  }
}

/** What is wrong with a key file, or undefined when it may be used. Pure. */
export function keyFileFault(
  path: string,
  stat: { isFile(): boolean; mode: number; uid: number; size: number },
  ourUid: number,
): LuksmithError | undefined {
  if (!stat.isFile()) return new LuksmithError("config", `the key ${path} is not a regular file`);
  if (stat.uid !== 0 && stat.uid !== ourUid) {
    return new LuksmithError("config", `the key file ${path} belongs to uid ${stat.uid}, not to root`, {
      hint: `chown root ${path}`,
    });
  }
  if ((stat.mode & 0o077) !== 0) {
    const mode = (stat.mode & 0o7777).toString(8).padStart(4, "0");
    return new LuksmithError("config", `the key file ${path} can be read by others (mode ${mode})`, {
      hint: `chmod 0400 ${path}`,
    });
  }
  if (stat.size === 0) return new LuksmithError("config", `the key file ${path} is empty`);
  if (stat.size > keyLimitBytes) return new LuksmithError("config", `the key file ${path} is larger than 8 MiB`);
  return undefined;
}

/** @throws {LuksmithError} "config" with the chmod to type; "not_found"-like errors name the path, never the content */
export async function readKeyFile(path: string): Promise<Buffer> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    const why = hasErrno(cause, "ENOENT")
      ? "is not there"
      : hasErrno(cause, "ELOOP")
        ? "is a symbolic link"
        : "cannot be read";
    throw new LuksmithError("config", `the key file ${path} ${why}`, {
      hint: "put it back from where you keep its copy; without it the volume opens with the recovery passphrase alone",
      cause,
    });
  }
  try {
    const fault = keyFileFault(path, await file.stat(), process.getuid?.() ?? 0);
    if (fault) throw fault;
    return await file.readFile();
  } finally {
    await file.close();
  }
}
