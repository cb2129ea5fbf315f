/** The calls that a machine may make in a minute, over all its sessions: counted in a file, under a lock. */

import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { type Allowance, earned, type Rate, waitMs } from "../../common/allowance.ts";
import { LuksmithError } from "../../common/errors.ts";
import type { Exec } from "../../common/exec.ts";
import { uptimeMs } from "../../common/uptime.ts";
import { tryLock } from "../storage/file-lock.ts";
import { fileBytes, parseAllowance, renderAllowance } from "./allowance.ts";

const { O_CREAT, O_NOFOLLOW, O_RDWR } = constants;
/** Others have it for the moment that a line takes. */
const lockMs = 10_000;
/** To ask for each call alone would start a program for each: a second's worth is taken at once. */
const batchesPerMinute = 60;

export class CallAllowance {
  readonly #exec: Exec;
  readonly #file: string;
  readonly #rate: Rate;
  readonly #batch: number;
  #inHand = 0;
  #turn: Promise<unknown> = Promise.resolve();

  /** @param directory the machine's own, below /run */
  constructor(exec: Exec, directory: string, perMinute: number) {
    this.#exec = exec;
    this.#file = join(directory, "calls");
    this.#rate = { perMinute, atOnce: perMinute };
    this.#batch = Math.max(1, Math.floor(perMinute / batchesPerMinute));
  }

  /** @returns for how long the call has to wait; 0 if it may go on at once */
  take(): Promise<number> {
    const mine = this.#turn.then(async () => {
      if (this.#inHand > 0) {
        this.#inHand -= 1;
        return 0;
      }
      const after = await this.#change((left) => left - this.#batch);
      this.#inHand = this.#batch - 1;
      return waitMs(after, this.#rate);
    });
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  /** What was taken and not used. */
  async giveBack(): Promise<void> {
    await this.#turn;
    const unused = this.#inHand;
    this.#inHand = 0;
    if (unused > 0) await this.#change((left) => left + unused);
  }

  async #change(change: (left: number) => number): Promise<Allowance> {
    await using file = await open(this.#file, O_CREAT | O_NOFOLLOW | O_RDWR, 0o600);
    if (!(await tryLock(this.#exec, file, { waitMs: lockMs }))) {
      throw new LuksmithError("locked", "other sessions of this machine keep their calls from being counted");
    }
    const nowMs = await uptimeMs();
    const before = earned(parseAllowance(await contentOf(file), this.#rate, nowMs), this.#rate, nowMs);
    const { atOnce } = this.#rate;
    // those that were turned away are not held against the machine for longer than a minute
    const after = { ...before, left: Math.max(-atOnce, Math.min(atOnce, change(before.left))) };
    await file.write(renderAllowance(after), 0);
    return after;
  }
}

async function contentOf(file: FileHandle): Promise<string> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(fileBytes), 0, fileBytes, 0);
  return buffer.toString("latin1", 0, bytesRead);
}
