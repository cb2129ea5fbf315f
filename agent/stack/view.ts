/**
 * A snapshot as an ordinary user may see it while one of their runs works on it: a read-only bind mount in a directory
 * that is open to them alone. The volume itself stays closed to everybody but root, and inside the view the files' own
 * permissions hold.
 */

import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { Command } from "../../common/exec.ts";
import { UndoStack } from "../../common/undo.ts";
import type { Host } from "../system/host.ts";
import { readMounts } from "../system/mountinfo.ts";
import { unmount } from "../tools/mount.ts";
import { removeTree } from "../tools/remove-tree.ts";
import { OwnDirectory } from "./own-directory.ts";

const unmountDeadlineMs = 20_000;

export function viewsDirectory(runtimeDir: string): string {
  return join(runtimeDir, "views");
}

/** @param as the user; for root (undefined) the snapshot is its own view */
export async function withView<T>(
  host: Host,
  snapshot: string,
  as: Command["as"],
  signal: AbortSignal,
  work: (directory: string) => Promise<T>,
): Promise<T> {
  if (as === undefined) return work(snapshot);
  const views = viewsDirectory(host.runtimeDir);
  const own = new OwnDirectory(host, join(views, `${as.uid}-${randomBytes(8).toString("hex")}`), as);
  const target = join(own.path, "snapshot");
  await using undo = new UndoStack();
  undo.add("close the user's view", () => own.close());
  await own.make(views, signal);
  await own.show(snapshot, target, signal);
  await own.give(signal);
  return await work(target);
}

/** Views that a killed agent left. They keep their volumes busy, so they go first. */
export async function releaseViews(host: Host): Promise<void> {
  const views = `${viewsDirectory(host.runtimeDir)}/`;
  // what is mounted within another is listed after it
  for (const { mountPoint } of (await readMounts()).toReversed()) {
    if (mountPoint.startsWith(views)) await unmount(host.exec, mountPoint, unmountDeadlineMs, "lazy");
  }
  await removeTree(host.exec, views, undefined, unmountDeadlineMs);
}
