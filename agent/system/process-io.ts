/** What processes have read and written so far. Source: proc_pid_io(5), proc_pid_task(5) */

import { readFile } from "node:fs/promises";
import { hasErrno } from "../../common/errors.ts";

/** Bytes that its read(2) and the like have returned, from pipes and devices too; 0 when it is gone. */
export function bytesRead(pid: number): Promise<number> {
  return counter(pid, "rchar");
}

/**
 * Bytes that a process and its children have written to file systems, whether they are on a disk already or not; those of
 * children that have ended are not among them.
 */
export async function bytesWritten(pid: number): Promise<number> {
  const [own, children] = await Promise.all([counter(pid, "write_bytes"), childrenOf(pid)]);
  const theirs = await Promise.all(children.map(bytesWritten));
  return theirs.reduce((sum, bytes) => sum + bytes, own);
}

async function childrenOf(pid: number): Promise<number[]> {
  const text = await readIfThere(`/proc/${pid}/task/${pid}/children`);
  return text.split(" ").filter(Boolean).map(Number);
}

async function counter(pid: number, name: "rchar" | "write_bytes"): Promise<number> {
  const text = await readIfThere(`/proc/${pid}/io`);
  return Number(new RegExp(`^${name}: (\\d+)$`, "m").exec(text)?.[1] ?? 0);
}

async function readIfThere(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (hasErrno(error, "ENOENT", "ESRCH")) return "";
    throw error;
  }
}
