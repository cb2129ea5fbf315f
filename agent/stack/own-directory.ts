/**
 * A directory below the views' that one user can enter and nobody else, for what that user may see of a volume. It is a file system of its
 * own, made read-only as a whole before the user gets to know of it: its owner could otherwise open it to others, or put a link in the place
 * of what is shown in it, from a mount namespace that is older than the view and in which a mount's own flags do not count.
 */

import { chmod, chown, mkdir, readFile, stat } from "node:fs/promises";
import { hasErrno, LuksmithError } from "../../common/errors.ts";
import { waitUntil } from "../../common/wait-until.ts";
import type { Host } from "../system/host.ts";
import { readMounts } from "../system/mountinfo.ts";
import { type Hold, holdersOf } from "../tools/holders.ts";
import { bindMount, leavePeers, mountFilesystem, remountFlags, remountReadOnly, unmount } from "../tools/mount.ts";
import { removeTree } from "../tools/remove-tree.ts";

const unmountDeadlineMs = 20_000;
/** A shell that was hung up writes its history. */
const hangUpPatienceMs = 1000;
/** Those that do not go by themselves may wait for a host that hangs, until the transport is broken. */
const killPatienceMs = 10_000;
const closedMode = 0o500;
/** Of what only holds a directory or two. */
const size = "size=16k";
const flags = ["nosuid", "nodev", "noexec", "nosymfollow"];

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export class OwnDirectory {
  readonly path: string;
  readonly #host: Host;
  readonly #owner: Owner;

  /** @param path in the views' directory */
  constructor(host: Host, path: string, owner: Owner) {
    this.#host = host;
    this.path = path;
    this.#owner = owner;
  }

  /** Closed to everybody. The release, {@link close}, must be registered before. */
  async make(views: string, signal: AbortSignal): Promise<void> {
    await mkdir(views, { recursive: true, mode: 0o711 });
    // whatever the umask is, it has to be passed through
    await chmod(views, 0o711);
    await mkdir(this.path, { mode: 0o700 });
    await mountFilesystem(this.#host.exec, "luksmith-view", this.path, "tmpfs", ["mode=0700", size, ...flags], signal);
  }

  /** Shows a directory of the volume in it, before it is given away. @param target in {@link path}, not there yet */
  async show(directory: string, target: string, signal: AbortSignal): Promise<void> {
    const { exec } = this.#host;
    await mkdir(target, { mode: 0o700 });
    await bindMount(exec, directory, target, signal);
    await leavePeers(exec, target, signal);
    await remountFlags(exec, target, ["ro", ...flags], signal);
  }

  /** From now on its owner can enter it. @throws {LuksmithError} "tool_failed" when it was meddled with */
  async give(signal: AbortSignal): Promise<void> {
    const { uid, gid } = this.#owner;
    const shown = await this.mounts();
    await chmod(this.path, closedMode);
    await chown(this.path, uid, gid);
    await remountReadOnly(this.#host.exec, this.path, flags, signal);
    // for a moment the owner could have changed it; from now on nobody can
    const found = await stat(this.path);
    const isAsMade = found.uid === uid && (found.mode & 0o7777) === closedMode;
    if (!isAsMade || (await this.mounts()).join("\n") !== shown.join("\n")) {
      throw new LuksmithError("tool_failed", `${this.path} was changed while it was made`);
    }
  }

  /** What is mounted in it, and it itself, uppermost first. */
  async mounts(): Promise<string[]> {
    const all = (await readMounts()).map(({ mountPoint }) => mountPoint);
    return all.filter((path) => path === this.path || path.startsWith(`${this.path}/`)).toReversed();
  }

  /** @throws {LuksmithError} "tool_failed" when the kernel says that it is in use */
  async unmount(): Promise<void> {
    for (const mountPoint of await this.mounts()) await unmount(this.#host.exec, mountPoint, unmountDeadlineMs);
  }

  /** Whoever is in it is hung up, as when a terminal is closed, and then killed, as far as the user could do that too. */
  async close(): Promise<void> {
    const { clock, exec, log } = this.#host;
    const closes = async () => {
      await this.unmount().catch(() => undefined);
      return (await this.mounts()).length === 0;
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
    for (const mountPoint of await this.mounts()) {
      log.warn({ mountPoint }, "a view is still in use: taking it out of the tree");
      await unmount(exec, mountPoint, unmountDeadlineMs, "lazy").catch(() => undefined);
    }
    if ((await this.mounts()).length > 0) {
      // never removed below a mount that is still there
      throw new LuksmithError("tool_failed", `${this.path} is still mounted`, { hint: `umount --lazy ${this.path}` });
    }
    await removeTree(exec, this.path, undefined, unmountDeadlineMs);
  }

  async #signal(signal: NodeJS.Signals): Promise<void> {
    // root's programs are the machine's as well: of those only what stands there, as a shell does, is to go
    const holds: Hold = this.#owner.uid === 0 ? "stands there" : "any";
    const pids = await holdersOf(this.#host.exec, this.path, holds).catch((error: unknown) => {
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
