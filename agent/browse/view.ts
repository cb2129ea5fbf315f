/**
 * A job's snapshots as one user may look through them: a bind mount, read-only, in a directory that is open to that user
 * alone. That directory is a mount of its own and read-only as well, so that its owner cannot open it to others. Inside, the
 * files' own owners and modes hold, as the kernel sees them; symbolic links are shown, and not followed, since most lead to
 * the living system.
 */

import { chmod, chown, mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { hasErrno, LuksmithError } from "../../common/errors.ts";
import { waitUntil } from "../../common/wait-until.ts";
import { viewsDirectory } from "../stack/view.ts";
import type { Host } from "../system/host.ts";
import { readMounts } from "../system/mountinfo.ts";
import { holdersOf } from "../tools/holders.ts";
import { bindMount, leavePeers, mountFilesystem, remountFlags, unmount } from "../tools/mount.ts";
import { removeTree } from "../tools/remove-tree.ts";

const unmountDeadlineMs = 20_000;
/** A shell that was hung up writes its history. */
const hangUpPatienceMs = 1000;
/** Those that do not go by themselves may wait for a host that hangs, until the transport is broken. */
const killPatienceMs = 10_000;
const flags = ["ro", "nosuid", "nodev", "noexec", "nosymfollow"];

export interface BrowseOwner {
  readonly uid: number;
  readonly gid: number;
}

export class BrowseView {
  /** Where the user finds it. */
  readonly path: string;
  readonly #host: Host;
  readonly #owner: BrowseOwner;
  readonly #own: string;
  #hidden: readonly string[] = [];

  /** @param path of a directory of its own below the views': {@link browsePath} */
  constructor(host: Host, path: string, owner: BrowseOwner) {
    this.#host = host;
    this.path = path;
    this.#own = dirname(path);
    this.#owner = owner;
  }

  /**
   * The release, {@link close}, must be registered before.
   * @param directory in the attached volume
   * @param hidden directories in it that are shown empty: an unfinished snapshot's may not have the modes yet that they are
   *   to have
   */
  async open(directory: string, hidden: readonly string[], signal: AbortSignal): Promise<void> {
    const { exec, runtimeDir } = this.#host;
    const { uid, gid } = this.#owner;
    const views = viewsDirectory(runtimeDir);
    await mkdir(views, { recursive: true, mode: 0o711 });
    // whatever the umask is, it has to be passed through
    await chmod(views, 0o711);
    await mkdir(this.#own, { mode: 0o700 });
    await bindMount(exec, this.#own, this.#own, signal);
    await leavePeers(exec, this.#own, signal);
    await mkdir(this.path, { mode: 0o700 });
    await bindMount(exec, directory, this.path, signal);
    await leavePeers(exec, this.path, signal);
    await remountFlags(exec, this.path, flags, signal);
    this.#hidden = hidden;
    await this.#hide(signal);
    // last of all: until now it was closed to the user as well
    await chown(this.#own, uid, gid);
    await chmod(this.#own, 0o500);
    await remountFlags(exec, this.#own, flags, signal);
  }

  /** Whether somebody has something open there, or works in it. */
  async isInUse(): Promise<boolean> {
    return (await holdersOf(this.#host.exec, this.#own)).length > 0;
  }

  /** @returns false when the kernel says that it is in use */
  async closeIfFree(signal: AbortSignal): Promise<boolean> {
    try {
      await this.#unmount();
      return true;
    } catch {
      await this.#hide(signal);
      return false;
    }
  }

  /** Whoever is in it is hung up, as when a terminal is closed, and then killed, as far as the user could do that too. */
  async close(): Promise<void> {
    const { clock, exec, log } = this.#host;
    const closes = async () => {
      await this.#unmount().catch(() => undefined);
      return (await this.#mounts()).length === 0;
    };
    if (!(await closes())) {
      await this.#signal("SIGHUP");
      if (!(await waitUntil(clock, hangUpPatienceMs, closes))) {
        await waitUntil(clock, killPatienceMs, async () => {
          await this.#signal("SIGKILL");
          return closes();
        });
      }
    }
    for (const mountPoint of await this.#mounts()) {
      log.warn({ mountPoint }, "a view is still in use: taking it out of the tree");
      await unmount(exec, mountPoint, unmountDeadlineMs, "lazy").catch(() => undefined);
    }
    if ((await this.#mounts()).length > 0) {
      // never removed below a mount that is still there
      throw new LuksmithError("tool_failed", `${this.path} is still mounted`, { hint: `umount --lazy ${this.path}` });
    }
    await removeTree(exec, this.#own, undefined, unmountDeadlineMs);
  }

  async #hide(signal: AbortSignal): Promise<void> {
    const there = await this.#mounts();
    const nothing = ["ro", "nosuid", "nodev", "noexec", "mode=0000", "size=4k"];
    for (const name of this.#hidden) {
      const target = join(this.path, name);
      if (!there.includes(target)) {
        await mountFilesystem(this.#host.exec, "nothing", target, "tmpfs", nothing, signal);
      }
    }
  }

  /** Uppermost first. */
  async #mounts(): Promise<string[]> {
    const all = (await readMounts()).map(({ mountPoint }) => mountPoint);
    return all.filter((path) => path === this.#own || path.startsWith(`${this.#own}/`)).toReversed();
  }

  async #unmount(): Promise<void> {
    for (const mountPoint of await this.#mounts()) await unmount(this.#host.exec, mountPoint, unmountDeadlineMs);
  }

  async #signal(signal: NodeJS.Signals): Promise<void> {
    const pids = await holdersOf(this.#host.exec, this.#own).catch((error: unknown) => {
      this.#host.log.warn({ err: error }, "it cannot be seen who uses a view");
      return [];
    });
    for (const pid of pids) {
      // an open file can be handed to a program of somebody else's, which is not to suffer for it
      if (!(await isOf(pid, this.#owner.uid))) continue;
      try {
        process.kill(pid, signal);
      } catch (error) {
        if (!hasErrno(error, "ESRCH")) throw error;
      }
    }
  }
}

/** Views that a killed agent left open: whoever stands in one would keep its volume busy. */
export async function closeLeftViews(host: Host): Promise<void> {
  const views = `${viewsDirectory(host.runtimeDir)}/`;
  for (const { mountPoint } of await readMounts()) {
    const uid = /^(\d+)-[0-9a-f]+$/.exec(mountPoint.startsWith(views) ? mountPoint.slice(views.length) : "")?.[1];
    if (uid === undefined) continue;
    const owner = { uid: Number(uid), gid: Number(uid) };
    await new BrowseView(host, join(mountPoint, "left"), owner).close();
  }
}

/** By its real or saved uid, which is whose signals it has to take: kill(2). Source: proc_pid_status(5), Uid */
async function isOf(pid: number, uid: number): Promise<boolean> {
  try {
    const status = await readFile(`/proc/${pid}/status`, "latin1");
    const [real, , saved] = /^Uid:\t(.*)$/m.exec(status)?.[1]?.split("\t") ?? [];
    return pid !== process.pid && (real === `${uid}` || saved === `${uid}`);
  } catch (error) {
    if (hasErrno(error, "ENOENT", "ESRCH")) return false;
    throw error;
  }
}
