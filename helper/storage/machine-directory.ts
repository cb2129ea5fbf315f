/**
 * A machine's own directory, and the images in it. The machine can put there whatever it likes, at any time, and we are root: so
 * each directory on the way is opened from the one above it with no symbolic link followed, what is found at the end is looked at
 * before it is opened for anything, and from then on it is that open file and not its name that is worked on.
 */

import { constants } from "node:fs";
import { copyFile, type FileHandle, open, rename, unlink } from "node:fs/promises";
import { hasErrno, LuksmithError } from "../../common/errors.ts";
import { quoteText } from "../../common/quote.ts";
import { imageNames } from "./image-path.ts";

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_RDWR } = constants;
/** Only to be looked at: opens nothing, so that neither a device nor a FIFO notices (open(2)). Of asm-generic/fcntl.h. */
const O_PATH = 0o10000000;

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export class MachineDirectory {
  readonly path: string;
  readonly owner: Owner;

  /** @param path absolute; what is above it must be root's alone, which whoever made it has seen to */
  constructor(path: string, owner: Owner) {
    this.path = path;
    this.owner = owner;
  }

  /**
   * An image that is there, for reading and writing.
   * @throws {LuksmithError} "not_found"; "denied" for what is no regular file of the machine's own with one name
   */
  async open(image: string): Promise<FileHandle> {
    const [directory, name] = await this.#enter(image);
    await using _ = directory;
    await using seen = await open(at(directory, name), O_PATH | O_NOFOLLOW).catch((error: unknown) => {
      throw hasErrno(error, "ENOENT") ? notFound(image) : error;
    });
    const stat = await seen.stat();
    // a second name may stand in a place that is not the machine's
    if (!stat.isFile() || stat.uid !== this.owner.uid || stat.nlink !== 1) {
      throw new LuksmithError("denied", `${quoteText(image)} is not a regular file of this machine's own`);
    }
    return await open(`/proc/self/fd/${seen.fd}`, O_RDWR);
  }

  /** A new, sparse one. @throws {LuksmithError} "exists" */
  async create(image: string, bytes: number): Promise<void> {
    const [directory, name] = await this.#enter(image);
    await using _ = directory;
    const path = at(directory, name);
    await using file = await open(path, O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR, 0o600).catch((error: unknown) => {
      if (!hasErrno(error, "EEXIST", "ELOOP")) throw error;
      throw new LuksmithError("exists", `there is something at ${quoteText(image)} already`);
    });
    await file.chown(this.owner.uid, this.owner.gid);
    await file.truncate(bytes);
    await file.sync();
    await directory.sync();
  }

  /**
   * Puts a copy in the place of an image, which shares its blocks with it. What is there now is kept under another name.
   * @param source an open file on the same file system, whose reflinks it takes
   * @returns the name under which the present image is kept, in the same directory; undefined when there is none
   */
  async replace(image: string, source: FileHandle, suffix: string): Promise<string | undefined> {
    const [directory, name] = await this.#enter(image);
    await using _ = directory;
    const fresh = at(directory, `${name}.restored-${suffix}`);
    await using copy = await open(fresh, O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR, 0o600);
    try {
      await copyFile(`/proc/self/fd/${source.fd}`, `/proc/self/fd/${copy.fd}`, constants.COPYFILE_FICLONE_FORCE);
      // it came with the mode of what it was made from
      await copy.chmod(0o600);
      await copy.chown(this.owner.uid, this.owner.gid);
      await copy.sync();
    } catch (error) {
      await unlink(fresh);
      throw error;
    }
    const kept = `${name}.before-${suffix}`;
    const wasThere = await rename(at(directory, name), at(directory, kept)).then(
      () => true,
      (error: unknown) => {
        if (hasErrno(error, "ENOENT")) return false;
        throw error;
      },
    );
    await rename(fresh, at(directory, name));
    await directory.sync();
    return wasThere ? kept : undefined;
  }

  /** The machine may do so itself, over SFTP; there is nothing to be looked at first. */
  async remove(image: string): Promise<void> {
    const [directory, name] = await this.#enter(image);
    await using _ = directory;
    await unlink(at(directory, name));
    await directory.sync();
  }

  async #enter(image: string): Promise<[FileHandle, string]> {
    const names = imageNames(image);
    let directory = await this.#openRoot();
    for (const name of names.slice(0, -1)) {
      const above = directory;
      try {
        directory = await open(at(above, name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      } catch (error) {
        if (hasErrno(error, "ENOENT")) throw notFound(image);
        if (!hasErrno(error, "ENOTDIR", "ELOOP")) throw error;
        throw new LuksmithError("denied", `on the way to ${quoteText(image)} is something else than directories`);
      } finally {
        await above.close();
      }
    }
    return [directory, names.at(-1) ?? ""];
  }

  async #openRoot(): Promise<FileHandle> {
    try {
      return await open(this.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    } catch (error) {
      if (!hasErrno(error, "ENOENT", "ENOTDIR", "ELOOP")) throw error;
      throw new LuksmithError("not_found", "this machine has no directory on the backup host", {
        hint: "its administrator: luksmith remote setup",
        cause: error,
      });
    }
  }
}

/** Below an open directory, whatever its path leads to by now. Source: proc(5), /proc/PID/fd */
function at(directory: FileHandle, name: string): string {
  return `/proc/self/fd/${directory.fd}/${name}`;
}

function notFound(image: string): LuksmithError {
  return new LuksmithError("not_found", `there is no ${quoteText(image)} on the backup host`);
}
