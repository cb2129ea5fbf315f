/**
 * A job's snapshots as one user may look through them: a bind mount, read-only, in a directory that is open to that user
 * alone, and that even they cannot open to others. Inside, the files' own owners and modes hold, as the kernel sees them; symbolic links
 * are shown, and not followed, since most lead to the living system.
 */

import { dirname, join } from "node:path";
import { OwnDirectory, type Owner } from "../stack/own-directory.ts";
import { viewsDirectory } from "../stack/view.ts";
import type { Host } from "../system/host.ts";
import { readMounts } from "../system/mountinfo.ts";
import { holdersOf } from "../tools/holders.ts";
import { mountFilesystem } from "../tools/mount.ts";

export class BrowseView {
  /** Where the user finds it. */
  readonly path: string;
  readonly #host: Host;
  readonly #own: OwnDirectory;
  #hidden: readonly string[] = [];

  /** @param path of a directory of its own below the views': {@link browsePath} */
  constructor(host: Host, path: string, owner: Owner) {
    this.#host = host;
    this.path = path;
    this.#own = new OwnDirectory(host, dirname(path), owner);
  }

  /**
   * The release, {@link close}, must be registered before.
   * @param directory in the attached volume
   * @param hidden directories in it that are shown empty: an unfinished snapshot's may not have the modes yet that they are
   *   to have
   */
  async open(directory: string, hidden: readonly string[], signal: AbortSignal): Promise<void> {
    await this.#own.make(viewsDirectory(this.#host.runtimeDir), signal);
    await this.#own.show(directory, this.path, signal);
    this.#hidden = hidden;
    await this.#hide(signal);
    await this.#own.give(signal);
  }

  /** Whether somebody has something open there, or works in it. */
  async isInUse(): Promise<boolean> {
    return (await holdersOf(this.#host.exec, this.#own.path)).length > 0;
  }

  /** @returns false when the kernel says that it is in use */
  async closeIfFree(signal: AbortSignal): Promise<boolean> {
    try {
      await this.#own.unmount();
      return true;
    } catch {
      await this.#hide(signal);
      return false;
    }
  }

  async close(): Promise<void> {
    await this.#own.close();
  }

  async #hide(signal: AbortSignal): Promise<void> {
    const there = await this.#own.mounts();
    const nothing = ["ro", "nosuid", "nodev", "noexec", "mode=0000", "size=4k"];
    for (const name of this.#hidden) {
      const target = join(this.path, name);
      if (!there.includes(target)) {
        await mountFilesystem(this.#host.exec, "nothing", target, "tmpfs", nothing, signal);
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
