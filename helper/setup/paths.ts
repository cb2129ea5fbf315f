/** Where everything is that setup makes on a backup host. */

export const libraryDirectory = "/usr/local/lib/luksmith";
export const nodePath = `${libraryDirectory}/node`;
export const bundlePath = `${libraryDirectory}/luksmith-helper.mjs`;
export const gatePath = `${libraryDirectory}/helper-gate`;
/** What sudo may start: the name stands in the gate and in the sudo rule. */
export const launcherPath = "/usr/local/sbin/luksmith-helper";

/**
 * Keys, beside sshd's own configuration: sshd reads them as the machine's user, and /etc/luksmith may be closed to it where the
 * backup host is itself backed up.
 */
export const keysDirectory = "/etc/ssh/luksmith";

/** One for each machine, so that it is made and taken away without touching another's. sudo reads no name with a dot in it (@includedir): no user's has. */
export function sudoersFile(machine: string): string {
  return `/etc/sudoers.d/luksmith-${machine}`;
}
