/** The programs of this machine that network block devices need: whether they are there, which is known before anything depends on it. */

import type { Exec } from "../../../common/exec.ts";
import { NbdUnusableError } from "./unusable.ts";

/** Debian's packages have their names. */
export type NbdProgram = "nbd-client" | "socat";

const deadlineMs = 20_000;
/** Where each was found: a program costs a moment to start, and is there the next time. */
const found: Record<NbdProgram, WeakSet<Exec>> = { "nbd-client": new WeakSet(), socat: new WeakSet() };

/** @throws {NbdUnusableError} when it is not there */
export async function requireProgram(exec: Exec, program: NbdProgram): Promise<void> {
  if (!found[program].has(exec)) await lookForProgram(exec, program);
}

/** The same, whatever was found before. @throws {NbdUnusableError} */
export async function lookForProgram(exec: Exec, program: NbdProgram): Promise<void> {
  await exec({ file: program, args: ["-V"], brief: true, deadlineMs }).catch((error: unknown) => {
    throw new NbdUnusableError(`${program} cannot be started on this machine`, `apt-get install ${program}`, error);
  });
  found[program].add(exec);
}
