import { stat } from "node:fs/promises";
import { hasErrno } from "../../common/errors.ts";

/** The number of the first one is the same on every machine: PROC_PID_INIT_INO in the kernel's include/linux/proc_ns.h. */
const firstNamespace = 0xef_ff_ff_fc;

/**
 * Whether this process has the numbers by which the kernel itself calls processes, such as in /sys/block/nbdN/pid. In a container,
 * and wherever else processes are numbered anew, it has others: pid_namespaces(7).
 */
export async function isInFirstPidNamespace(): Promise<boolean> {
  try {
    return (await stat("/proc/self/ns/pid")).ino === firstNamespace;
  } catch (error) {
    // a kernel that was made without them numbers processes once
    if (hasErrno(error, "ENOENT")) return true;
    throw error;
  }
}
