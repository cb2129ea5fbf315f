/**
 * What has to be given back, newest first, each before its acquire was started. Whatever cannot be given back now stays, and is
 * tried again when it is asked for once more; what is under way is waited for and not begun twice.
 */

import { type Release, ReleaseError } from "../../common/undo.ts";

export class Releases {
  #releases: Release[] = [];
  #running: Promise<void> | undefined;

  add(name: string, run: () => Promise<void>): void {
    this.#releases.push({ name, run });
  }

  /** @throws {ReleaseError} naming what could not be given back, when everything has been tried */
  run(): Promise<void> {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #run(): Promise<void> {
    const failed: { release: Release; error: unknown }[] = [];
    for (let release = this.#releases.pop(); release !== undefined; release = this.#releases.pop()) {
      try {
        await release.run();
      } catch (error) {
        failed.unshift({ release, error });
      }
    }
    this.#releases = failed.map(({ release }) => release);
    if (failed.length > 0) throw new ReleaseError(failed.map(({ release, error }) => ({ name: release.name, error })));
  }
}
