/** Where everything is that setup makes on a backup host. */

export const libraryDirectory = "/usr/local/lib/luksmith";
export const nodePath = `${libraryDirectory}/node`;
export const bundlePath = `${libraryDirectory}/luksmith-helper.mjs`;
export const gatePath = `${libraryDirectory}/helper-gate`;
/** What sudo may start: the name stands in the gate and in the sudo rule. */
export const launcherPath = "/usr/local/sbin/luksmith-helper";

/** What setup has made, for it to be taken back; and the home of the machines' users, in which they can write nothing. */
export const stateDirectory = "/var/lib/luksmith-helper";
export const manifestPath = `${stateDirectory}/setup.json`;
export const homePath = `${stateDirectory}/home`;

/** Where a machine's directory goes that nobody has named another one for. */
export const defaultStorage = "/srv/luksmith";

/**
 * Keys, beside sshd's own configuration: sshd reads them as the machine's user, and /etc/luksmith may be closed to it where the
 * backup host is itself backed up.
 */
export const keysDirectory = "/etc/ssh/luksmith";
export const sshdDirectory = "/etc/ssh/sshd_config.d";
export const sudoersDirectory = "/etc/sudoers.d";
export const logrotatePath = "/etc/logrotate.d/luksmith-helper";
export const firewallUnit = "luksmith-helper-firewall.service";
export const firewallUnitPath = `/etc/systemd/system/${firewallUnit}`;
/** The gate knows no other. */
export const runtimeDirectory = "/run/luksmith-helper";

/** One of each for each machine, so that it is made and taken away without touching another's. */
export function keyFile(machine: string): string {
  return `${keysDirectory}/${machine}`;
}

/** sshd reads *.conf alone. */
export function sshdFile(machine: string): string {
  return `${sshdDirectory}/luksmith-${machine}.conf`;
}

/** sudo reads no name with a dot in it (sudoers(5), @includedir): no machine's has. */
export function sudoersFile(machine: string): string {
  return `${sudoersDirectory}/luksmith-${machine}`;
}
