/**
 * How a program in the lab has its machine's power taken. It leaves a request in /out; whoever runs the machine, on the
 * host (lives.ts), sees it there and ends the emulator: nothing in the guest could end it as suddenly.
 */

import { existsSync } from "node:fs";
import { readFile, rename, rm, watch, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "../../../common/clock.ts";

/** Set in a machine whose power can be cut: which life of its disk this is, from 1. */
export const lifeVariable = "LUKSMITH_LAB_LIFE";
const shared = "/out";
const requestName = "power-cut";
/** What the host needs is a moment, unless it is very busy. */
const lateMs = 60_000;

/** In the guest. @throws where nobody would cut the power */
export function currentLife(): number {
  const life = Number(process.env[lifeVariable]);
  if (!(life > 0)) throw new Error(`${lifeVariable} is not set: this needs a machine whose power can be cut`);
  return life;
}

/** In the guest: one that was asked for. */
export class PowerCut {
  readonly #afterMs: number;

  /** The power goes in so many milliseconds of the host's time; work goes on until then. */
  static async request(afterMs = 0): Promise<PowerCut> {
    currentLife();
    const begun = join(shared, `${requestName}.new`);
    await writeFile(begun, `${afterMs}`);
    await rename(begun, join(shared, requestName));
    return new PowerCut(afterMs);
  }

  private constructor(afterMs: number) {
    this.#afterMs = afterMs;
  }

  /** Where a life ends. @throws when it does not */
  async comes(): Promise<never> {
    await systemClock.sleep(this.#afterMs + lateMs);
    throw new Error("the power was not cut");
  }
}

/** On the host. @param out what the guest has at /out. @returns when the power is to go, in milliseconds from now */
export async function powerCutRequest(out: string, signal: AbortSignal): Promise<number> {
  for await (const { filename } of watch(out, { signal })) {
    if (filename === requestName && isPowerCutRequested(out)) {
      return Number(await readFile(join(out, requestName), "utf8"));
    }
  }
  throw new Error(`${out} cannot be watched any longer`);
}

export function isPowerCutRequested(out: string): boolean {
  return existsSync(join(out, requestName));
}

export async function forgetPowerCutRequest(out: string): Promise<void> {
  await rm(join(out, requestName), { force: true });
}
