/** One step after another; what each makes is written down before it is made. */

import { existsSync } from "node:fs";
import { rm, rmdir } from "node:fs/promises";
import { hasErrno } from "../../../common/errors.ts";
import type { Exec } from "../../../common/exec.ts";
import { leave, type Manifest, register, strike, takeUp, writeManifest } from "../manifest.ts";
import { manifestPath, stateDirectory } from "../paths.ts";
import type { Plan, Step } from "../step.ts";
import { carryOut } from "./carry-out.ts";

/** @param onStep hears of each before it is done */
export async function applyPlan(
  exec: Exec,
  { steps }: Plan,
  manifest: Manifest,
  machine: string,
  onStep: (step: Step) => void,
): Promise<void> {
  let current = manifest;
  const keep = async (next: Manifest) => {
    if (JSON.stringify(next) === JSON.stringify(current)) return;
    await writeManifest(manifestPath, next);
    current = next;
  };
  for (const step of steps) {
    onStep(step);
    const { registers = [], strikes = [], leaves, takesUp } = step;
    const before = registers.reduce(register, current);
    await keep(leaves === undefined ? before : leave(before, leaves));
    await carryOut(exec, step.action, machine);
    const after = strikes.reduce(strike, current);
    await keep(takesUp === undefined ? after : takeUp(after, takesUp));
  }
  for (const { directory } of current.left) if (!existsSync(directory)) await keep(takeUp(current, directory));
  if (current.made.length + current.left.length === 0) await forget();
}

/** Nothing is left of us on this host. */
async function forget(): Promise<void> {
  await rm(manifestPath, { force: true });
  try {
    await rmdir(stateDirectory);
  } catch (error) {
    if (!hasErrno(error, "ENOENT", "ENOTEMPTY")) throw error;
  }
}
