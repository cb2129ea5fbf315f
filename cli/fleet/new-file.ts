/** A file that was not there before, for its owner alone; gone again unless it is finished. */

import { constants } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { syncDirectory } from "../../common/durable-file.ts";
import { hasErrno, LuksmithError } from "../../common/errors.ts";
import { showName } from "../../common/file-name.ts";

export class NewFile implements AsyncDisposable {
  readonly #path: string;
  readonly #handle: FileHandle;
  #isFinished = false;

  /** @throws {LuksmithError} "exists", or "usage" when it cannot be made there */
  static async make(path: string): Promise<NewFile> {
    const name = showName(Buffer.from(path));
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    try {
      return new NewFile(path, await open(path, flags, 0o600));
    } catch (cause) {
      if (hasErrno(cause, "EEXIST")) {
        throw new LuksmithError("exists", `${name} is there already`, {
          hint: "it takes the place of nothing: name another file, or remove that one",
          cause,
        });
      }
      throw new LuksmithError("usage", `${name} cannot be made: ${cause instanceof Error ? cause.message : cause}`, {
        hint: "name a file in a directory that is there and that you may write to",
        cause,
      });
    }
  }

  private constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  /** It is on the disk when this returns. */
  async finish(content: string): Promise<void> {
    await this.#handle.writeFile(content);
    await this.#handle.sync();
    await syncDirectory(dirname(this.#path));
    this.#isFinished = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (!this.#isFinished) await rm(this.#path, { force: true });
    } finally {
      await this.#handle.close();
    }
  }
}
