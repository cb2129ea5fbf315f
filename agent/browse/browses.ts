/** The browses that are open, or about to be: each can be asked to end. */

import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { viewsDirectory } from "../stack/view.ts";

export class Browses {
  readonly #ending = new Map<string, AbortController>();

  /** @param runId until `work` has ended, {@link end} aborts the signal that it is given */
  async during<T>(runId: string, work: (ending: AbortSignal) => Promise<T>): Promise<T> {
    const ending = new AbortController();
    this.#ending.set(runId, ending);
    try {
      return await work(ending.signal);
    } finally {
      this.#ending.delete(runId);
    }
  }

  end(runId: string): void {
    this.#ending.get(runId)?.abort();
  }
}

/** Where a user will find the job, before it is there; nobody can guess it, and nobody else gets in. */
export function browsePath(runtimeDir: string, uid: number, job: string): string {
  return join(viewsDirectory(runtimeDir), `${uid}-${randomBytes(8).toString("hex")}`, job);
}
