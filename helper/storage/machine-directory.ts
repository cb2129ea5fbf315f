/**
 * A machine's own directory, and the images in it. The machine can put there whatever it likes, at any time, and we are root: so
 * each directory on the way is opened from the one above it with no symbolic link followed, what is found at the end is looked at
 * before it is opened for anything, and from then on it is that open file and not its name that is worked on.
 */

import { constants, type Stats } from "node:fs";
import { copyFile, type FileHandle, link, lstat, open, rename, unlink } from "node:fs/promises";
import { hasErrno, LuksmithError } from "../../common/errors.ts";
import { quoteText } from "../../common/quote.ts";
import { isSameFile } from "./file.ts";
import { imageNames } from "./image-path.ts";

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_RDWR } = constants;
/** Only to be looked at: opens nothing, so that neither a device nor a FIFO notices (open(2)). Of asm-generic/fcntl.h. */
const O_PATH = 0o10000000;

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** The directory that an image is in, open, and its name there. */
export interface ImagePlace extends AsyncDisposable {
  readonly directory: FileHandle;
  readonly name: string;
}

export class MachineDirectory {
  readonly path: string;
  readonly owner: Owner;

  /** @param path absolute; what is above it must be root's alone, which whoever made it has seen to */
  constructor(path: string, owner: Owner) {
    this.path = path;
    this.owner = owner;
  }

  /** @throws {LuksmithError} "not_found" when it is not there */
  async require(): Promise<void> {
    await (await this.#openRoot()).close();
  }

  /**
   * An image that is there, for reading and writing.
   * @throws {LuksmithError} "not_found"; "denied" for what is no regular file of the machine's own with one name
   */
  async open(image: string): Promise<FileHandle> {
    await using place = await this.place(image);
    await using seen = await open(at(place, place.name), O_PATH | O_NOFOLLOW).catch((error: unknown) => {
      throw hasErrno(error, "ENOENT") ? notFound(image) : error;
    });
    const stat = await seen.stat();
    // a second name may stand in a place that is not the machine's
    if (!stat.isFile() || stat.uid !== this.owner.uid || stat.nlink !== 1) {
      throw new LuksmithError("denied", `${quoteText(image)} is not a regular file of this machine's own`);
    }
    return await open(`/proc/self/fd/${seen.fd}`, O_RDWR);
  }

  /** Whether the name still leads to this open file. */
  async leadsTo(image: string, file: FileHandle): Promise<boolean> {
    await using place = await this.place(image);
    const found = await seenAt(place, place.name);
    return found !== undefined && isSameFile(found, await file.stat());
  }

  /** A new, sparse one. @throws {LuksmithError} "exists" */
  async create(image: string, bytes: number): Promise<void> {
    await using place = await this.place(image);
    await using file = await createOwned(place, place.name, this.owner);
    if (file === undefined) throw new LuksmithError("exists", `there is something at ${quoteText(image)} already`);
    try {
      await file.truncate(bytes);
      await file.sync();
      await place.directory.sync();
    } catch (error) {
      await removeIfSame(place, place.name, file);
      throw error;
    }
  }

  /**
   * Puts a copy in the place of an image, which shares its blocks with it. What is there now gets another name first, and from
   * one moment to the next its old name is that of the copy: the image is never missing.
   * @param present the image that is there now, open and locked; undefined when there is none
   * @param source an open file on the same file system, whose reflinks it takes
   * @returns the name under which the present image is kept, in the same directory; undefined when there is none
   * @throws {LuksmithError} "locked" when the machine exchanges the image meanwhile, "exists" when a name is taken
   */
  async replace(
    image: string,
    present: FileHandle | undefined,
    source: FileHandle,
    suffix: string,
  ): Promise<string | undefined> {
    await using place = await this.place(image);
    const fresh = `${place.name}.restored-${suffix}`;
    const kept = `${place.name}.before-${suffix}`;
    await using copy = await open(at(place, fresh), O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR, 0o600);
    try {
      await copyFile(`/proc/self/fd/${source.fd}`, `/proc/self/fd/${copy.fd}`, constants.COPYFILE_FICLONE_FORCE);
      // it came with the mode of what it was made from
      await copy.chmod(0o600);
      await copy.chown(this.owner.uid, this.owner.gid);
      await copy.sync();
      if (present !== undefined) await keep(place, kept, present);
      else if ((await seenAt(place, place.name)) !== undefined) throw exchanged();
      await rename(at(place, fresh), at(place, place.name));
    } catch (error) {
      await removeIfSame(place, fresh, copy);
      throw error;
    }
    await place.directory.sync();
    return present === undefined ? undefined : kept;
  }

  /** The machine may do so itself, over SFTP; there is nothing to be looked at first. */
  async remove(image: string): Promise<void> {
    await using place = await this.place(image);
    await unlink(at(place, place.name));
    await place.directory.sync();
  }

  /** Where it is, whether it is there or not. To be closed. */
  async place(image: string): Promise<ImagePlace> {
    const [directory, name] = await this.#enter(image);
    return { directory, name, [Symbol.asyncDispose]: () => directory.close() };
  }

  async #enter(image: string): Promise<[FileHandle, string]> {
    const names = imageNames(image);
    let directory = await this.#openRoot();
    for (const name of names.slice(0, -1)) {
      const above = directory;
      try {
        directory = await open(inside(above, name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
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
function inside(directory: FileHandle, name: string): string {
  return `/proc/self/fd/${directory.fd}/${name}`;
}

/** @param name of the image, or of something beside it */
export function at({ directory }: ImagePlace, name: string): string {
  return inside(directory, name);
}

/** What stands there, a link itself and not what it leads to; undefined when there is nothing. */
export async function seenAt(place: ImagePlace, name: string): Promise<Stats | undefined> {
  return lstat(at(place, name)).catch((error: unknown) => {
    if (hasErrno(error, "ENOENT")) return undefined;
    throw error;
  });
}

/** A new file beside an image, as the machine's own. @returns undefined when there is something of that name */
export async function createOwned(
  place: ImagePlace,
  name: string,
  { uid, gid }: Owner,
): Promise<FileHandle | undefined> {
  let file: FileHandle;
  try {
    file = await open(at(place, name), O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR, 0o600);
  } catch (error) {
    if (hasErrno(error, "EEXIST", "ELOOP")) return undefined;
    throw error;
  }
  try {
    await file.chown(uid, gid);
    return file;
  } catch (error) {
    await removeIfSame(place, name, file).finally(() => file.close());
    throw error;
  }
}

/** Only if that name still is this file's. */
export async function removeIfSame(place: ImagePlace, name: string, file: FileHandle): Promise<void> {
  const found = await seenAt(place, name);
  if (found !== undefined && isSameFile(found, await file.stat())) await unlink(at(place, name));
}

/** A second name for the image, which must be the file that we have locked. */
async function keep(place: ImagePlace, kept: string, present: FileHandle): Promise<void> {
  // link(2) follows no link, and puts nothing in the place of what is there
  await link(at(place, place.name), at(place, kept));
  const found = await seenAt(place, kept);
  if (found !== undefined && isSameFile(found, await present.stat())) return;
  await unlink(at(place, kept));
  throw exchanged();
}

function exchanged(): LuksmithError {
  return new LuksmithError("locked", "the machine has put something else in the image's place meanwhile");
}

function notFound(image: string): LuksmithError {
  return new LuksmithError("not_found", `there is no ${quoteText(image)} on the backup host`);
}
