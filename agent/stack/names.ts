/** What a volume's stack is called in the system. Everything luksmith makes carries its name, and it touches nothing else. */

import { join } from "node:path";

export interface StackNames {
  readonly volume: string;
  /** Holds the two mount points and the placeholder; for root alone. */
  readonly directory: string;
  /** A sparse file that stands for the image until that is reachable. */
  readonly placeholderFile: string;
  /** Where the remote directory is mounted. */
  readonly remoteDir: string;
  /** Where the file system in the image is mounted. */
  readonly filesDir: string;
  /** What the volume's ssh is told; one for each, since two that attach at once must not write what the other's ssh reads. */
  readonly sshConfigFile: string;
  /** Where the agent speaks to the ssh that has the helper at its other end, and nbd-client to what carries its bytes. */
  readonly helperSocket: string;
  readonly nbdSocket: string;
  /** Holds the process number of the nbd-client that made our device, by which the kernel knows it. */
  readonly nbdPidFile: string;
  /** ssh's own, by which a second channel joins the connection. */
  readonly sshSocket: string;
  /** Source of the sshfs mount in mountinfo. */
  readonly fsname: string;
  /** Device-mapper name of the opened volume. */
  readonly mapping: string;
  /** Device-mapper name of the device below it, which can be put in place before the image is reachable. */
  readonly imageDevice: string;
  /** Device-mapper name of what lies on the opened volume while its file system is made smaller. */
  readonly shrinking: string;
  /** Device-mapper name of what writes the header in two places at once, while the volume is re-encrypted. */
  readonly header: string;
}

const dmPrefix = "luksmith-";
/** Volume names have no dot, so this can never be another volume's mapping. */
const imageSuffix = ".image";
const shrinkingSuffix = ".shrinking";
const headerSuffix = ".header";

export function stacksDirectory(runtimeDir: string): string {
  return join(runtimeDir, "volumes");
}

export function stackNames(runtimeDir: string, volume: string): StackNames {
  const directory = join(stacksDirectory(runtimeDir), volume);
  return {
    volume,
    directory,
    placeholderFile: join(directory, "placeholder"),
    remoteDir: join(directory, "remote"),
    filesDir: join(directory, "files"),
    helperSocket: join(directory, "helper.sock"),
    nbdSocket: join(directory, "nbd.sock"),
    nbdPidFile: join(directory, "nbd.pid"),
    sshConfigFile: join(runtimeDir, "ssh", `${volume}.conf`),
    sshSocket: join(runtimeDir, "ssh", `${volume}.sock`),
    fsname: `luksmith:${volume}`,
    mapping: `${dmPrefix}${volume}`,
    imageDevice: `${dmPrefix}${volume}${imageSuffix}`,
    shrinking: `${dmPrefix}${volume}${shrinkingSuffix}`,
    header: `${dmPrefix}${volume}${headerSuffix}`,
  };
}

/** The volume that a device-mapper name is part of, or undefined when it is none of ours. */
export function volumeOfDm(name: string): string | undefined {
  const match = /^luksmith-([a-z0-9][a-z0-9_-]*)(\.image|\.shrinking|\.header)?$/.exec(name);
  return match?.[1];
}
