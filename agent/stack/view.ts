/**
 * A snapshot as an ordinary user may see it while one of their runs works on it: a read-only bind mount in a directory
 * that is open to them alone. The volume itself stays closed to everybody but root, and inside the view the files' own
 * permissions hold.
 */

import { randomBytes } from "node:crypto";
import { chmod, chown, mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "../../common/exec.ts";
import { UndoStack } from "../../common/undo.ts";
import type { Host } from "../system/host.ts";
import { readMounts } from "../system/mountinfo.ts";
import { bindMount, remountFlags, unmount } from "../tools/mount.ts";
import { removeTree } from "../tools/remove-tree.ts";

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
  const own = join(views, `${as.uid}-${randomBytes(8).toString("hex")}`);
  const target = join(own, "snapshot");
  await using undo = new UndoStack();
  undo.add("close the user's view", () => releaseView(host, own));
  await mkdir(views, { recursive: true, mode: 0o711 });
  // whatever the umask is, it has to be passed through
  await chmod(views, 0o711);
  await mkdir(target, { recursive: true, mode: 0o700 });
  await bindMount(host.exec, snapshot, target, signal);
  await remountFlags(host.exec, target, ["ro", "nosuid", "nodev", "noexec"], signal);
  // last of all: until now it was closed to the user as well
  await chown(own, as.uid, as.gid);
  await chmod(own, 0o500);
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

async function releaseView(host: Host, own: string): Promise<void> {
  // under whatever name: from a mount namespace of their own the user can rename even a mount point
  const mounts = async () => (await readMounts()).filter(({ mountPoint }) => mountPoint.startsWith(`${own}/`));
  for (const { mountPoint } of await mounts()) {
    await unmount(host.exec, mountPoint, unmountDeadlineMs).catch(() =>
      unmount(host.exec, mountPoint, unmountDeadlineMs, "lazy"),
    );
  }
  // never below a mount that is still there
  if ((await mounts()).length > 0) return;
  // by rm, which holds on to the directories that it walks through: the user owns this one, and could put a link in the
  // way of anything that goes by path
  await removeTree(host.exec, own, undefined, unmountDeadlineMs);
}
