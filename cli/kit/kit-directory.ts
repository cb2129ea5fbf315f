/** The directory that a recovery kit goes into: closed to others, and what is in it made by us alone. */

import { constants } from "node:fs";
import { type FileHandle, lstat, mkdir, open, rm, rmdir } from "node:fs/promises";
import { hasErrno, LuksmithError } from "../../common/errors.ts";
import { showName } from "../../common/file-name.ts";

/** Pure. @returns why a kit must not be written there, or undefined */
export function kitDirectoryFault(
  name: string,
  stat: { uid: number; mode: number },
  ourUid: number,
): LuksmithError | undefined {
  if (stat.uid !== ourUid) {
    return new LuksmithError("usage", `${name} belongs to another user (uid ${stat.uid}), who could read the kit`, {
      hint: "name a directory of your own, or one that is not there yet",
    });
  }
  // with an access control list the group's bits are those of its mask (acl(5)): none for others than the owner either
  if ((stat.mode & 0o077) === 0) return undefined;
  const mode = (stat.mode & 0o7777).toString(8).padStart(4, "0");
  return new LuksmithError(
    "usage",
    `others can get at ${name} (mode ${mode}): whoever reads the kit can read the backup`,
    {
      hint: `chmod 0700 ${name}; on a stick with FAT or exFAT: mount it with -o umask=0077`,
    },
  );
}

export class KitDirectory implements AsyncDisposable {
  readonly #handle: FileHandle;
  /** Where it is, if it was not there before. */
  readonly #madeAt: Buffer | undefined;
  readonly #made: string[] = [];
  #isWhole = false;

  /**
   * @param path absolute, as bytes
   * @throws {LuksmithError} "usage" when others could get at it; "exists" when one of `names` is there already
   */
  static async open(path: Buffer, names: readonly string[]): Promise<KitDirectory> {
    const name = showName(path);
    const unusable = (cause: unknown) =>
      new LuksmithError("usage", `${name} cannot be used: ${cause instanceof Error ? cause.message : cause}`, {
        ...(hasErrno(cause, "ENOENT") ? { hint: "what is above it has to be there: is a stick not mounted" } : {}),
        cause,
      });
    const isMade = await mkdir(path, { mode: 0o700 }).then(
      () => true,
      (cause: unknown) => {
        if (!hasErrno(cause, "EEXIST")) throw unusable(cause);
        return false;
      },
    );
    // what is made in it is made in this directory, whatever becomes of its name meanwhile
    const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
    const handle = await open(path, flags).catch((cause: unknown) => {
      throw unusable(cause);
    });
    const directory = new KitDirectory(handle, isMade ? path : undefined);
    try {
      const fault = kitDirectoryFault(name, await handle.stat(), process.geteuid?.() ?? 0);
      if (fault !== undefined) throw fault;
      for (const file of names) await directory.#requireFree(file, name);
      return directory;
    } catch (error) {
      await directory[Symbol.asyncDispose]();
      throw error;
    }
  }

  private constructor(handle: FileHandle, madeAt: Buffer | undefined) {
    this.#handle = handle;
    this.#madeAt = madeAt;
  }

  /** Made exclusively, for its owner to read and nobody to write, and on the disk when this returns. */
  async write(file: string, content: string | Uint8Array): Promise<void> {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    const made = await open(this.#path(file), flags, 0o400);
    this.#made.push(file);
    try {
      await made.writeFile(content);
      await made.sync();
    } finally {
      await made.close();
    }
  }

  /** All is written, and the names are on the disk as well: a stick may be pulled now. */
  async finish(): Promise<void> {
    await this.#handle.sync();
    this.#isWhole = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (!this.#isWhole) await this.#takeBack();
    } finally {
      await this.#handle.close();
    }
  }

  /** Half a kit is none, and holds secrets all the same. */
  async #takeBack(): Promise<void> {
    for (const file of this.#made.splice(0)) await rm(this.#path(file), { force: true });
    // what somebody else has put there by now stays, and the directory with it
    if (this.#madeAt !== undefined) await rmdir(this.#madeAt).catch(() => undefined);
  }

  async #requireFree(file: string, name: string): Promise<void> {
    const there = await lstat(this.#path(file)).catch((error: unknown) => {
      if (!hasErrno(error, "ENOENT")) throw error;
    });
    if (there === undefined) return;
    throw new LuksmithError("exists", `there is a ${file} in ${name} already`, {
      hint: "a kit takes the place of nothing: name another directory, or remove the old kit",
    });
  }

  /** Source: proc_pid_fd(5) */
  #path(file: string): string {
    return `/proc/self/fd/${this.#handle.fd}/${file}`;
  }
}
