/**
 * A directory below the views' that one user can enter and nobody else, for what that user may see of a volume. It is a file system of its
 * own, made read-only as a whole before the user gets to know of it: its owner could otherwise open it to others, or put a link in the place
 * of what is shown in it, from a mount namespace that is older than the view and in which a mount's own flags do not count.
 */

import { chmod, chown, mkdir, stat } from "node:fs/promises";
import { LuksmithError } from "../../common/errors.ts";
import { waitUntil } from "../../common/wait-until.ts";
import type { Host } from "../system/host.ts";
import { readMounts } from "../system/mountinfo.ts";
import { signalHolders } from "../tools/end-holders.ts";
import { bindMount, leavePeers, mountFilesystem, remountFlags, remountReadOnly, unmount } from "../tools/mount.ts";
import { removeTree } from "../tools/remove-tree.ts";
import { endSilentFilesystems } from "./silent-filesystems.ts";

const unmountDeadlineMs = 20_000;
/** A shell that was hung up writes its history. */
const hangUpPatienceMs = 1000;
/** Whom it takes longer to kill waits for a file system of the user's own. */
const killPatienceMs = 3000;
/** Or for a host that hangs, until the transport is broken. */
const abortPatienceMs = 10_000;
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
    const signal = (name: NodeJS.Signals) => signalHolders(this.#host, this.path, this.#owner.uid, name);
    const closes = async () => {
      await this.unmount().catch(() => undefined);
      return (await this.mounts()).length === 0;
    };
    if (!(await closes())) {
      await signal("SIGHUP");
      const ends = (patienceMs: number) =>
        waitUntil(clock, patienceMs, async () => {
          await signal("SIGKILL");
          return closes();
        });
      const isClosed = (await waitUntil(clock, hangUpPatienceMs, closes)) || (await ends(killPatienceMs));
      if (!isClosed) {
        await endSilentFilesystems(this.#host, this.path, this.#owner.uid);
        await ends(abortPatienceMs);
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
}
