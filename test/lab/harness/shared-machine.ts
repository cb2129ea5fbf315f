/**
 * One machine for many test files, each of which gets a root of its own. When one leaves something else behind, or has
 * failed, the next gets another machine: no file can spoil the next one's.
 */

import { LuksmithError } from "../../../common/errors.ts";
import { Machine, type MachineOptions } from "./machine.ts";

const tracesDeadlineMs = 60_000;

export class SharedMachine implements AsyncDisposable {
  readonly #options: Omit<MachineOptions, "say">;
  #machine: Machine | undefined;
  /** What there is in a machine in which nothing was done yet. */
  #untouched = new Set<string>();

  constructor(options: Omit<MachineOptions, "say">) {
    this.#options = options;
  }

  /** @returns bootMs: undefined when it was there already */
  async get(say: MachineOptions["say"]): Promise<{ machine: Machine; bootMs: number | undefined }> {
    if (this.#machine) return { machine: this.#machine, bootMs: undefined };
    const machine = await Machine.boot({ ...this.#options, say });
    this.#machine = machine;
    this.#untouched = new Set(await traces(machine));
    return { machine, bootMs: machine.bootMs };
  }

  /** To be called after each file. @returns what it has left behind; the next one gets another machine then */
  async inspect(): Promise<string[]> {
    if (this.#machine === undefined) return [];
    const left = await traces(this.#machine).catch((error: Error) => [error.message]);
    const others = left.filter((line) => !this.#untouched.has(line));
    if (others.length > 0) await this.giveUp();
    return others;
  }

  async giveUp(): Promise<void> {
    const machine = this.#machine;
    this.#machine = undefined;
    await machine?.[Symbol.asyncDispose]();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.giveUp();
  }
}

/** A line each. @throws {LuksmithError} "tool_failed" when the machine is gone, or says nothing sensible */
async function traces(machine: Machine): Promise<string[]> {
  let printed = "";
  const keep = (piece: Buffer) => {
    printed += piece.toString();
  };
  const argv = ["bash", "/run/lab/traces.sh"];
  const exitCode = await machine.run({ argv, onStdout: keep, onStderr: keep, deadlineMs: tracesDeadlineMs });
  if (exitCode !== 0) throw new LuksmithError("tool_failed", `traces.sh failed: ${printed}`);
  return printed.split("\n").filter(Boolean);
}
