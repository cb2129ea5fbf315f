/**
 * That no helper has answered on a remote: remembered for a day, so that not each attach of a remote whose transport is "auto" costs
 * a connection that leads nowhere.
 */

import { rm } from "node:fs/promises";
import { join } from "node:path";
import { writeFileDurably } from "../../common/durable-file.ts";
import { readIfThere } from "../../common/if-there.ts";

const rememberedMs = 86_400_000;

export class HelperMemory {
  readonly #file: string;

  constructor(stateDir: string, remote: string) {
    this.#file = join(stateDir, "helpers", remote);
  }

  /** @returns when it was that none answered, if it is to be gone by; what cannot be read is nothing */
  async missingSince(now: Date): Promise<Date | undefined> {
    const since = new Date(((await readIfThere(this.#file, "EIO")) ?? "").trim());
    const ageMs = now.getTime() - since.getTime();
    // a clock that has been set back proves nothing; an unreadable date is no number
    return ageMs >= 0 && ageMs < rememberedMs ? since : undefined;
  }

  async noneAnswered(now: Date): Promise<void> {
    await writeFileDurably(this.#file, `${now.toISOString()}\n`, 0o600);
  }

  async oneAnswered(): Promise<void> {
    await rm(this.#file, { force: true });
  }
}
