/**
 * The tokens of this machine's newest leases, kept on its own disk: a lease with one of them is what a run of ours left that
 * was cut short, and need not be waited for. A copy of the machine does not know those that were made since.
 */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileDurably } from "../../common/durable-file.ts";
import { hasErrno } from "../../common/errors.ts";

const kept = 8;

export class LeaseTokens {
  readonly #file: string;

  constructor(stateDir: string, volume: string) {
    this.#file = join(stateDir, "volumes", volume, "leases");
  }

  /** Newest first; what cannot be read is none. */
  async read(): Promise<string[]> {
    try {
      return (await readFile(this.#file, "utf8")).split("\n").filter(Boolean);
    } catch (error) {
      if (hasErrno(error, "ENOENT", "EIO")) return [];
      throw error;
    }
  }

  async add(token: string): Promise<void> {
    const tokens = [token, ...(await this.read())].slice(0, kept);
    await writeFileDurably(this.#file, `${tokens.join("\n")}\n`, 0o600);
  }
}
