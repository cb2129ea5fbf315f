/**
 * The secret that the authorities' keys are sealed with, in a file of the controller's own: who has the database alone, or a copy of
 * it, can issue nothing. Controllers of one fleet have the same file.
 */

import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { writeFileDurably } from "../../common/durable-file.ts";
import { hasErrno, LuksmithError } from "../../common/errors.ts";
import { ownershipFault } from "../../common/ownership.ts";

/** As many as AES-256 takes. */
export const secretBytes = 32;
const secretPattern = /^[0-9a-f]{64}\n$/;

export function secretFile(stateDir: string): string {
  return join(stateDir, "controller.secret");
}

/** @throws {LuksmithError} "config" when it is missing, readable by others, or no secret */
export async function readSecret(stateDir: string): Promise<Buffer> {
  const path = secretFile(stateDir);
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    const isMissing = hasErrno(cause, "ENOENT");
    throw new LuksmithError("config", `${path} ${isMissing ? "is not there" : "cannot be opened"}`, {
      hint: "luksmith-controller init makes it; further controllers of the fleet need a copy of the first one's",
      cause,
    });
  }
  try {
    const stat = await file.stat();
    const fault = ownershipFault(path, stat, process.geteuid?.() ?? 0);
    if (fault !== undefined) throw fault;
    if ((stat.mode & 0o077) !== 0) {
      throw new LuksmithError("config", `others can read ${path}`, { hint: `chmod 600 ${path}` });
    }
    const text = await file.readFile("latin1");
    if (stat.isFile() && secretPattern.test(text)) return Buffer.from(text.trim(), "hex");
    throw new LuksmithError("config", `${path} is not what luksmith-controller init has made`, {
      hint: "put a copy of it back: without it the fleet's authority issues nothing",
    });
  } finally {
    await file.close();
  }
}

/** Over whatever is there. */
export async function writeSecret(stateDir: string, secret: Uint8Array): Promise<void> {
  await writeFileDurably(secretFile(stateDir), `${Buffer.from(secret).toString("hex")}\n`, 0o600);
}
