/** Paths of this machine that are typed, as absolute ones: where `restore --to` writes, what `backup` is to take. */

import { readlinkSync } from "node:fs";
import { resolve } from "node:path/posix";
import { LuksmithError } from "../common/errors.ts";

const slash = 0x2f;

/** The directory as absolute bytes: names need not be UTF-8, neither this one's nor the working directory's. */
export function targetDirectory(asked: Buffer): Buffer {
  if (asked.length === 0) {
    throw new LuksmithError("usage", "--to names no directory", { hint: "--to . is the directory you are in" });
  }
  return fromHere(asked, "--to takes an absolute path as well");
}

/** What `luksmith backup JOB PATH` names. @throws {LuksmithError} "usage" */
export function namedSource(asked: Buffer): Buffer {
  if (asked.length === 0) {
    throw new LuksmithError("usage", "an empty path names no source", { hint: "`.` is the directory you are in" });
  }
  return fromHere(asked, "an absolute path names a source as well");
}

function fromHere(asked: Buffer, hint: string): Buffer {
  if (asked[0] === slash) return absolute(Buffer.from("/"), asked);
  try {
    process.cwd();
  } catch (error) {
    // the link would still name it, with " (deleted)" behind
    throw new LuksmithError("usage", "the directory that you are in is not there any more", { hint, cause: error });
  }
  // proc_pid_cwd(5) has the bytes; process.cwd() would decode them
  return absolute(readlinkSync("/proc/self/cwd", { encoding: "buffer" }), asked);
}

export function absolute(working: Buffer, asked: Buffer): Buffer {
  // latin1 maps each byte to one character and back, and path rules are about ASCII characters only
  return Buffer.from(resolve(working.toString("latin1"), asked.toString("latin1")), "latin1");
}
