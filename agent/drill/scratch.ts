/**
 * A directory for what a drill restores, root's alone, which is removed whatever becomes of the drill. Where it is stands in the state
 * directory before it is made: of one whose agent was killed the next agent knows by that.
 */

import { randomBytes } from "node:crypto";
import { mkdir, readdir, rm } from "node:fs/promises";
import { basename, isAbsolute, join } from "node:path";
import { writeFileDurably } from "../../common/durable-file.ts";
import { hasErrno, LuksmithError } from "../../common/errors.ts";
import { readIfThere } from "../../common/if-there.ts";
import { UndoStack } from "../../common/undo.ts";
import type { Host } from "../system/host.ts";
import { firstOpenPath } from "../system/path-walk.ts";
import { removeTree } from "../tools/remove-tree.ts";

/** The agent's start waits for it. */
const leftoverDeadlineMs = 60_000;
const prefix = "luksmith-drill-";
const scratchName = /^luksmith-drill-[0-9a-f]{16}$/;

function markersDirectory(stateDir: string): string {
  return join(stateDir, "drills");
}

/**
 * @param where an existing directory of the machine's; undefined: the state directory
 * @throws {LuksmithError} "usage" when it cannot be made there
 */
export async function withScratch<T>(
  host: Host,
  where: string | undefined,
  signal: AbortSignal,
  work: (directory: string) => Promise<T>,
): Promise<T> {
  if (where !== undefined) await requireNobodyElse(host, where, signal);
  const name = `${prefix}${randomBytes(8).toString("hex")}`;
  const markers = markersDirectory(host.stateDir);
  const directory = join(where ?? markers, name);
  const marker = join(markers, `${name}.path`);
  await using undo = new UndoStack();
  undo.add("remove what the drill restored", () => removeScratch(host, directory, marker));
  await writeFileDurably(marker, directory, 0o600);
  try {
    await mkdir(directory, { mode: 0o700 });
  } catch (error) {
    if (!hasErrno(error, "ENOENT", "ENOTDIR", "EROFS", "EACCES", "ENOSPC", "EDQUOT")) throw error;
    throw new LuksmithError("usage", `no directory can be made in ${where ?? markers} (${error.code})`, {
      hint: "--scratch DIR names another place for what is restored",
      cause: error,
    });
  }
  return await work(directory);
}

/** Whoever can rename what is there could put a link in its place. @throws {LuksmithError} "usage" */
async function requireNobodyElse({ exec }: Host, where: string, signal: AbortSignal): Promise<void> {
  const open = await firstOpenPath(exec, where, signal).catch((cause: unknown) => {
    throw new LuksmithError("usage", `${where} cannot be looked at`, { hint: "--scratch DIR is there already", cause });
  });
  if (open === undefined) return;
  throw new LuksmithError("usage", `${open} can be changed by others than root: nothing is restored below it`, {
    hint: "--scratch DIR is root's, with all that is above it; /tmp will do",
  });
}

/** What a killed agent left. */
export async function removeScratches(host: Host): Promise<void> {
  const markers = markersDirectory(host.stateDir);
  const names = await readdir(markers).catch((error: unknown) => {
    if (hasErrno(error, "ENOENT")) return [];
    throw error;
  });
  // such as was never whole, and so names nothing that was made
  for (const name of names.filter((one) => one.endsWith(".path.new"))) await rm(join(markers, name), { force: true });
  for (const name of names.filter((one) => one.endsWith(".path"))) {
    const marker = join(markers, name);
    const directory = await readIfThere(marker);
    // a marker that was cut short names nothing, and nothing was made before it was whole
    const isOurs = directory !== undefined && isAbsolute(directory) && scratchName.test(basename(directory));
    if (isOurs) await removeScratch(host, directory, marker, leftoverDeadlineMs);
    else await rm(marker, { force: true });
  }
}

async function removeScratch(host: Host, directory: string, marker: string, deadlineMs?: number): Promise<void> {
  await removeTree(host.exec, directory, undefined, deadlineMs);
  await rm(marker, { force: true });
}
