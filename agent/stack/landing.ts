/**
 * Where a user's program reads and writes in an attached volume: bind mounts in a directory that is open to one group, of a number that
 * is drawn for it and that nobody has but this one process. The user's other processes can neither enter it nor get at what that
 * process has open (`guarded`), and the volume itself stays closed to everybody but root.
 *
 * When the work is done, nobody is there any more: who still has something open is ended, and if that cannot be, the work has failed. So what
 * was written there is nobody's but root's from then on.
 */

import { randomBytes, randomInt } from "node:crypto";
import { chmod, chown, mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { User } from "../../common/exec.ts";
import { UndoStack } from "../../common/undo.ts";
import { waitUntil } from "../../common/wait-until.ts";
import type { Host } from "../system/host.ts";
import { readMounts } from "../system/mountinfo.ts";
import { signalHolders } from "../tools/end-holders.ts";
import { bindMount, remountFlags, unmount } from "../tools/mount.ts";
import { removeTree } from "../tools/remove-tree.ts";
import { endSilentFilesystems, onceCancelled } from "./silent-filesystems.ts";
import { viewsDirectory } from "./view.ts";

const unmountDeadlineMs = 20_000;
/** Whom it takes longer to kill waits for a file system of the user's own. */
const killPatienceMs = 3000;
const abortPatienceMs = 10_000;
/**
 * Numbers that belong to nobody: beyond 2^31 no system has groups (systemd's docs/UIDS-GIDS.md). A new one each time: who has once had
 * it may have left a program that gives it away (setgid).
 */
const freeGroups = { from: 2 ** 31, to: 2 ** 32 - 2 } as const;
const flags = ["nosuid", "nodev", "noexec", "nosymfollow"];

export type LandingHost = Pick<Host, "exec" | "clock" | "log" | "runtimeDir">;

export interface LandingUser extends User {
  readonly groups: readonly number[];
}

export interface LandingSpec {
  /** A directory that becomes the working directory; undefined: an empty one. */
  readonly into: string | undefined;
  readonly writable: boolean;
  /** Directories that are seen from there as ../0, ../1 and so on, and cannot be written to. */
  readonly beside: readonly string[];
}

export function besideName(index: number): string {
  return `../${index}`;
}

export async function withLanding<T>(
  host: LandingHost,
  user: LandingUser,
  { into, writable, beside }: LandingSpec,
  signal: AbortSignal,
  work: (directory: string, as: User) => Promise<T>,
): Promise<T> {
  const { exec } = host;
  const own = join(viewsDirectory(host.runtimeDir), `landing-${randomBytes(8).toString("hex")}`);
  const directory = join(own, "into");
  const group = randomInt(freeGroups.from, freeGroups.to);
  await using undo = new UndoStack();
  undo.add("close the place that a user's program worked in", () => leave(host, own, user.uid));
  const views = viewsDirectory(host.runtimeDir);
  await mkdir(views, { recursive: true, mode: 0o711 });
  // whatever the umask is, it has to be passed through
  await chmod(views, 0o711);
  await mkdir(own, { mode: 0o700 });
  await mkdir(directory, { mode: 0o700 });
  await chown(directory, 0, group);
  await chmod(directory, 0o710);
  const show = async (shown: string, target: string, access: "ro" | "rw") => {
    await bindMount(exec, shown, target, signal);
    await remountFlags(exec, target, [access, ...flags], signal);
  };
  for (const [index, shown] of beside.entries()) {
    const target = join(own, `${index}`);
    await mkdir(target);
    await show(shown, target, "ro");
  }
  if (into !== undefined) await show(into, directory, writable ? "rw" : "ro");
  // last of all
  await chown(own, 0, group);
  await chmod(own, 0o710);
  using _ = onceCancelled(host, own, user.uid, signal);
  return await work(directory, { ...user, groups: [...user.groups, group], guarded: true });
}

/** @throws what umount says when it is still in use: it is then taken out of the tree */
async function leave(host: LandingHost, own: string, uid: number): Promise<void> {
  const mounts = async () =>
    (await readMounts()).map(({ mountPoint }) => mountPoint).filter((path) => path.startsWith(`${own}/`));
  let failure: unknown;
  const closes = async () => {
    failure = undefined;
    for (const mountPoint of (await mounts()).toReversed()) {
      await unmount(host.exec, mountPoint, unmountDeadlineMs).catch((error: unknown) => {
        failure = error;
      });
    }
    return failure === undefined;
  };
  const ends = (patienceMs: number) =>
    waitUntil(host.clock, patienceMs, async () => {
      await signalHolders(host, own, uid, "SIGKILL");
      return closes();
    });
  let closed = (await closes()) || (await ends(killPatienceMs));
  if (!closed) {
    await endSilentFilesystems(host, own, uid);
    closed = await ends(abortPatienceMs);
  }
  if (!closed) {
    for (const mountPoint of (await mounts()).toReversed()) {
      await unmount(host.exec, mountPoint, unmountDeadlineMs, "lazy").catch(() => undefined);
    }
  }
  if ((await mounts()).length === 0) await removeTree(host.exec, own, undefined, unmountDeadlineMs);
  if (!closed) throw failure;
}
