/**
 * A machine that loses its power whenever the program in it wants that (power-cut.ts), and is then switched on again: the
 * same program is run in another machine with the same disk and the same /out. All else is gone.
 */

import { mkdir, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "../../../common/clock.ts";
import { LuksmithError } from "../../../common/errors.ts";
import { type GuestCommand, Machine, type MachineOptions } from "./machine.ts";
import { forgetPowerCutRequest, isPowerCutRequested, lifeVariable, powerCutRequest } from "./power-cut.ts";

/** Sparse: what is not written takes nothing. */
const diskBytes = 512 * 2 ** 20;

export interface LivesOptions {
  /** An empty directory of the host, where the disk is put, and `out`, which is /out in every life. */
  readonly directory: string;
  readonly machine: Omit<MachineOptions, "disk" | "out">;
  /** What is run in a life, counted from 1; the program finds the number in its environment. */
  readonly command: (life: number) => GuestCommand;
  /** For all lives together. */
  readonly deadlineMs?: number | undefined;
}

export interface LivesEnd {
  /** Of the last life: the one in which the program ended by itself. */
  readonly exitCode: number;
  readonly lives: number;
  /** Of all boots together. */
  readonly bootMs: number;
}

/**
 * @throws {LuksmithError} "tool_failed" when a machine ends that was not asked to, and when a program ends by itself that
 *   has asked for a power cut; {DeadlineError} past the deadline; the reason of the machine's signal
 */
export async function runInLives({
  directory,
  machine: options,
  command,
  deadlineMs,
}: LivesOptions): Promise<LivesEnd> {
  const disk = join(directory, "disk");
  const out = join(directory, "out");
  await writeFile(disk, "");
  await truncate(disk, diskBytes);
  await mkdir(out);
  const end = deadlineMs === undefined ? undefined : systemClock.monotonicMs() + deadlineMs;
  let bootMs = 0;
  for (let life = 1; ; life += 1) {
    await using machine = await Machine.boot({ ...options, disk, out });
    bootMs += machine.bootMs;
    const ofThis = command(life);
    const exitCode = await live(machine, out, {
      ...ofThis,
      env: { ...ofThis.env, [lifeVariable]: `${life}` },
      ...(end === undefined ? {} : { deadlineMs: end - systemClock.monotonicMs() }),
    });
    if (exitCode !== undefined) return { exitCode, lives: life, bootMs };
  }
}

/** @returns undefined when the power was cut, as the program wanted it */
async function live(machine: Machine, out: string, command: GuestCommand): Promise<number | undefined> {
  await forgetPowerCutRequest(out);
  const over = new AbortController();
  const moment = powerCutRequest(out, over.signal).then((afterMs) => systemClock.sleep(afterMs, over.signal));
  const ran = machine.run(command).then((exitCode) => ({ exitCode }));
  try {
    const ended = await Promise.race([ran, moment]);
    if (ended === undefined) {
      await machine.cutPower();
      return undefined;
    }
    if (!isPowerCutRequested(out)) return ended.exitCode;
    throw new LuksmithError("tool_failed", "the program asked for a power cut, and ended by itself before it came");
  } finally {
    over.abort();
  }
}
