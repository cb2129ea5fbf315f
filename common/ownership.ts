/** Could somebody else than root, or the user we run as, change a file or put another in its place? */

import { LuksmithError } from "./errors.ts";

export interface Ownership {
  /** As stat(2) has it; the type bits do not matter. */
  readonly mode: number;
  readonly uid: number;
}

/**
 * Pure.
 * @param name as shown to people
 * @returns an error "config" with the command that would make it right, or undefined when all is well
 */
export function ownershipFault(name: string, { mode, uid }: Ownership, ourUid: number): LuksmithError | undefined {
  if (uid !== 0 && uid !== ourUid) {
    return new LuksmithError("config", `${name} belongs to uid ${uid}, who could change it`, {
      hint: `chown root ${name}`,
    });
  }
  if ((mode & 0o022) !== 0) {
    const shown = (mode & 0o7777).toString(8).padStart(4, "0");
    return new LuksmithError("config", `${name} can be written by others than its owner (mode ${shown})`, {
      hint: `chmod go-w ${name}`,
    });
  }
  return undefined;
}

/** The same for a directory whose entries must stay what they are: a sticky one, such as /tmp, is as good. Pure. */
export function directoryFault(name: string, found: Ownership, ourUid: number): LuksmithError | undefined {
  const sticky = (found.mode & 0o1000) !== 0;
  return ownershipFault(name, sticky ? { ...found, mode: 0 } : found, ourUid);
}
