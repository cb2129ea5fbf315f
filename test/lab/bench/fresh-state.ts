/**
 * What a tool had when it had been set up, and nothing was backed up yet, put back before each link and set of files: making volumes
 * takes longer than most of what is measured.
 */

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const exec = promisify(execFile);

export class FreshState {
  readonly #paths: readonly string[];
  readonly #kept: string;

  /** @param paths absolute: all that it changes, here and on the host. What is not there now will not be there again */
  static async keep(kept: string, paths: readonly string[]): Promise<FreshState> {
    await mkdir(kept, { recursive: true });
    const state = new FreshState(kept, paths);
    for (const [index, path] of paths.entries()) if (existsSync(path)) await copy(path, state.#at(index));
    return state;
  }

  private constructor(kept: string, paths: readonly string[]) {
    this.#kept = kept;
    this.#paths = paths;
  }

  async putBack(): Promise<void> {
    for (const [index, path] of this.#paths.entries()) {
      await rm(path, { recursive: true, force: true });
      if (existsSync(this.#at(index))) await copy(this.#at(index), path);
    }
  }

  #at(index: number): string {
    return join(this.#kept, `${index}`);
  }
}

/** With owners and holes. */
async function copy(from: string, to: string): Promise<void> {
  await exec("cp", ["--archive", "--sparse=always", "--no-target-directory", "--", from, to]);
}
