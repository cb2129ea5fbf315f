/** What a machine's own configuration says to something, as far as it has told. */

import { LuksmithError } from "../../common/errors.ts";
import type { Machine } from "../store/machines.ts";
import { calledName } from "./visible.ts";

/** The machine itself has the last word: this only saves the way. @throws {LuksmithError} "denied" */
export function requireAllowed(machine: Machine, word: string): void {
  const { allowed } = machine.inventory;
  if (allowed.length === 0 || allowed.includes(word)) return;
  throw new LuksmithError("denied", `${calledName(machine)} does not allow ${word} to the controller`, {
    hint: `on the machine: controller.allow in /etc/luksmith/agent.yaml, with ${word} among the words`,
  });
}
