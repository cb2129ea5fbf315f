/** A disk that can be filled up, and have room again: a tmpfs of its own. Root's. */

import { execFile } from "node:child_process";
import { closeSync, mkdtempSync, openSync, statfsSync, writeSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { hasErrno } from "../../../common/errors.ts";

const exec = promisify(execFile);
const blockBytes = 4096;

export class SmallDisk implements AsyncDisposable {
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async mount(bytes: number): Promise<SmallDisk> {
    const directory = mkdtempSync(join(tmpdir(), "luksmith-disk-"));
    await exec("mount", ["-t", "tmpfs", "-o", `size=${bytes},mode=0755`, "tmpfs", directory]);
    return new SmallDisk(directory);
  }

  /** Until there is room for so much and no more. */
  fill(leftBytes = 0): void {
    const file = openSync(this.#ballast, "a");
    try {
      while (this.#freeBytes() > leftBytes) writeSync(file, Buffer.alloc(blockBytes));
    } catch (error) {
      if (!hasErrno(error, "ENOSPC")) throw error;
    } finally {
      closeSync(file);
    }
  }

  async makeRoom(): Promise<void> {
    await rm(this.#ballast);
  }

  #freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.directory);
    return bavail * bsize;
  }

  get #ballast(): string {
    return join(this.directory, "ballast");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await exec("umount", ["--lazy", this.directory]);
    await rm(this.directory, { recursive: true });
  }
}
