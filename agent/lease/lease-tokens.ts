/**
 * The tokens of this machine's newest leases, kept on its own disk: a lease with one of them is what a run of ours left that
 * was cut short, and need not be waited for. A copy of the machine does not know those that were made since.
 */

import { hostname } from "node:os";
import { join } from "node:path";
import { writeFileDurably } from "../../common/durable-file.ts";
import { readIfThere } from "../../common/if-there.ts";
import type { Log } from "../../common/log.ts";
import type { Host } from "../system/host.ts";

const kept = 8;
const hostnameCharacters = 64;

/** As what others see this machine in a lease. */
export function machineName(): string {
  return hostname().slice(0, hostnameCharacters);
}

export class LeaseTokens {
  readonly #file: string;
  readonly #log: Log;
  readonly #volume: string;

  constructor({ stateDir, log }: Pick<Host, "stateDir" | "log">, volume: string) {
    this.#file = join(stateDir, "volumes", volume, "leases");
    this.#log = log;
    this.#volume = volume;
  }

  /**
   * Before anything is written on the host: should this machine lose its power, it will know the lease again.
   * @returns those of earlier leases, newest first
   */
  async announce(token: string): Promise<string[]> {
    const earlier = await this.#read();
    const tokens = [token, ...earlier].slice(0, kept);
    await writeFileDurably(this.#file, `${tokens.join("\n")}\n`, 0o600).catch((error: unknown) =>
      // a full or read-only disk must not keep anybody from their files
      this.#log.warn({ err: error, volume: this.#volume }, "the lease's token cannot be kept"),
    );
    return earlier;
  }

  /** What cannot be read is none. */
  async #read(): Promise<string[]> {
    return ((await readIfThere(this.#file, "EIO")) ?? "").split("\n").filter(Boolean);
  }
}
