/** What tells this machine from others, for moments that are to differ between them. No secret comes of it: it is only hashed. */

import { hostname } from "node:os";
import { readIfThere } from "../../common/if-there.ts";

/** Copies of one virtual machine often have the same machine-id(5), and machines without a name the same host name. */
export async function machineSeed(): Promise<string> {
  const machineId = await readIfThere("/etc/machine-id");
  return `${machineId?.trim() ?? ""} ${hostname()}`;
}
