/**
 * An undo stack: releases are registered before their acquires are started, run in reverse order, all of them, and
 * none's failure keeps another from running (after lxd's revert.go, but collecting every error).
 */

import { LuksmithError } from "./errors.ts";

export interface Release {
  /** What it takes back, in the words of a log line: "unmount the file system". */
  readonly name: string;
  /** Asks the system what is there, touches only what is ours, is safe to call twice, has a deadline of its own. */
  readonly run: () => Promise<void>;
}

export class ReleaseError extends LuksmithError {
  readonly failures: readonly { readonly name: string; readonly error: unknown }[];

  constructor(failures: readonly { name: string; error: unknown }[]) {
    super(
      "tool_failed",
      `could not undo everything: ${failures.map(({ name, error }) => `${name}: ${error instanceof Error ? error.message : error}`).join("; ")}`,
      { hint: "luksmith doctor", cause: failures[0]?.error },
    );
    this.failures = failures;
  }
}

export class UndoStack implements AsyncDisposable {
  readonly #releases: Release[] = [];
  readonly #around: (release: Release) => Promise<void>;

  /** @param around runs each release; where a caller wants to time or show them. */
  constructor(around: (release: Release) => Promise<void> = (release) => release.run()) {
    this.#around = around;
  }

  add(name: string, run: () => Promise<void>): void {
    this.#releases.push({ name, run });
  }

  /** Runs what is registered, newest first. @throws {ReleaseError} naming every release that failed */
  async unwind(): Promise<void> {
    const failures: { name: string; error: unknown }[] = [];
    for (let release = this.#releases.pop(); release !== undefined; release = this.#releases.pop()) {
      try {
        await this.#around(release);
      } catch (error) {
        failures.push({ name: release.name, error });
      }
    }
    if (failures.length > 0) throw new ReleaseError(failures);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.unwind();
  }
}
