/**
 * A machine's places for sessions and exports, over all its sessions: a file each, locked while the place is taken. Whoever is killed
 * gives it back thereby.
 */

import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import type { Exec } from "../../common/exec.ts";
import { lockOrClose } from "../storage/file-lock.ts";
import { makeOwnDirectory } from "./runtime-directory.ts";

const { O_CREAT, O_NOFOLLOW, O_RDWR } = constants;

export class Places {
  readonly #exec: Exec;
  /** Root's alone. */
  readonly directory: string;

  private constructor(exec: Exec, directory: string) {
    this.#exec = exec;
    this.directory = directory;
  }

  static async open(exec: Exec, runtimeDir: string, machine: string): Promise<Places> {
    const all = join(runtimeDir, "machines");
    await makeOwnDirectory(all, 0o700);
    const directory = join(all, machine);
    await makeOwnDirectory(directory, 0o700);
    return new Places(exec, directory);
  }

  /** @returns the file of a place that is taken while the file is open, by us or by a child; undefined when there is none left */
  async take(kind: "session" | "export", most: number): Promise<FileHandle | undefined> {
    for (let place = 0; place < most; place += 1) {
      const path = join(this.directory, `${kind}.${place}`);
      const file = await lockOrClose(this.#exec, await open(path, O_CREAT | O_NOFOLLOW | O_RDWR, 0o600));
      if (file !== undefined) return file;
    }
    return undefined;
  }
}
