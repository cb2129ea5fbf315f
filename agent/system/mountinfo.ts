/** What is mounted, as the kernel says it: proc_pid_mountinfo(5). Reading it touches no mounted file system. */

import { readFile, stat } from "node:fs/promises";
import { hasErrno } from "../../common/errors.ts";

export interface Mount {
  readonly mountPoint: string;
  /** Which directory of the file system it shows. */
  readonly root: string;
  /** "major:minor", as stat(1) prints with %Hd:%Ld. */
  readonly device: string;
  readonly type: string;
  readonly source: string;
  /** Options of the mount itself (nosuid, nodev, nosymfollow, ro ...). */
  readonly options: ReadonlySet<string>;
  /** It was mounted for writing, and the file system has made itself read-only since. */
  readonly hasFailed: boolean;
}

export async function readMounts(): Promise<Mount[]> {
  return parseMountinfo(await readFile("/proc/self/mountinfo", "utf8"));
}

/** The topmost mount at `target`, or undefined. */
export async function mountedAt(target: string): Promise<Mount | undefined> {
  return (await readMounts()).findLast((mount) => mount.mountPoint === target);
}

/**
 * "major:minor" of the block device below a file system. btrfs, which may have several, shows a number of its own making in place of
 * it. Its source is a name in /dev, whatever that is now: /dev/dm-3, or what udev calls it.
 * @returns undefined when that device is gone
 */
export async function blockDeviceOf({ device, type, source }: Mount): Promise<string | undefined> {
  if (type !== "btrfs") return device;
  if (!source.startsWith("/dev/")) return undefined;
  try {
    const { rdev } = await stat(source, { bigint: true });
    return deviceNumber(rdev);
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** Pure. As makedev(3) of glibc puts the two together. */
export function deviceNumber(rdev: bigint): string {
  const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & 0xfffff000n);
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & 0xffffff00n);
  return `${major}:${minor}`;
}

/** The mount that a path is on, as far as names tell: no link is followed. */
export async function mountOf(path: string): Promise<Mount | undefined> {
  const above = (mountPoint: string) => (mountPoint === "/" ? "/" : `${mountPoint}/`);
  const mounts = (await readMounts()).filter(({ mountPoint }) => `${path}/`.startsWith(above(mountPoint)));
  const longest = Math.max(...mounts.map(({ mountPoint }) => mountPoint.length));
  return mounts.findLast(({ mountPoint }) => mountPoint.length === longest);
}

/** `36 35 98:0 /root /mnt rw,noatime master:1 - ext3 /dev/root rw,errors=continue` */
export function parseMountinfo(text: string): Mount[] {
  return text.split("\n").flatMap((line) => {
    const [left, right] = line.split(" - ");
    const [, , device, root, mountPoint, options] = left?.split(" ") ?? [];
    const [type, source, superOptions] = right?.split(" ") ?? [];
    if (device === undefined || mountPoint === undefined || type === undefined) return [];
    return [
      {
        device,
        mountPoint: unescapeOctal(mountPoint),
        root: unescapeOctal(root ?? ""),
        type,
        source: unescapeOctal(source ?? ""),
        options: new Set(options?.split(",")),
        // Linux 6.13 calls it emergency_ro
        hasFailed: options?.split(",").includes("rw") === true && /(^|,)(emergency_)?ro(,|$)/.test(superOptions ?? ""),
      },
    ];
  });
}

/** The kernel writes space, tab, newline and backslash in names as \040 and the like. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
