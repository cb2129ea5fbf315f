/** Whether the storage can be kept from being filled by one machine, and what it is limited to now. */

import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import { hasErrno } from "../../../common/errors.ts";
import type { Exec } from "../../../common/exec.ts";
import type { Account, Quota } from "./found.ts";

const deadlineMs = 30_000;
/** The number of a subvolume's top. Source: btrfs-subvolume(8) */
const subvolumeInode = 256;

export async function findQuota(
  exec: Exec,
  machine: string,
  user: Account | undefined,
  directory: string | undefined,
): Promise<Quota> {
  if (directory === undefined) return { kind: "none", why: "its place is not known" };
  const there = await nearest(directory);
  const args = ["--noheadings", "--raw", "--output", "TARGET,FSTYPE,OPTIONS", "--target", there];
  const line = (await exec({ file: "findmnt", args, deadlineMs })).stdout.toString().trimEnd().split("\n").at(-1) ?? "";
  const [mount = "", type = "", options = ""] = line.split(" ");
  if (type === "btrfs") return btrfsQuota(exec, mount, directory);
  if (/(^|,)(usrquota|uquota|quota|usrjquota=[^,]+)(,|$)/.test(options)) {
    const limitBytes = user === undefined ? undefined : await userLimit(exec, machine, mount);
    return { kind: "user", mount, limitBytes };
  }
  const hint = type === "ext4" || type === "xfs" ? " (mount option usrquota)" : "";
  return { kind: "none", why: `${mount} (${type}) does not count what its users have${hint}` };
}

/** Source: quota(1): kilobytes used, soft and hard limit; an asterisk marks what is exceeded */
async function userLimit(exec: Exec, machine: string, mount: string): Promise<number | undefined> {
  const args = [
    "--user",
    "--verbose",
    "--no-wrap",
    "--show-mntpoint",
    "--hide-device",
    `--filesystem=${mount}`,
    "--",
    machine,
  ];
  const { stdout } = await exec({ file: "quota", args, deadlineMs }).catch(() => ({ stdout: Buffer.of() }));
  const line = stdout
    .toString()
    .split("\n")
    .find((text) => text.trim().split(/\s+/)[0] === mount);
  const hard = Number(line?.trim().split(/\s+/)[3] ?? 0);
  return Number.isSafeInteger(hard) && hard > 0 ? hard * 1024 : undefined;
}

/** Source: btrfs-qgroup(8), "show -f": the group of the path itself alone */
async function btrfsQuota(exec: Exec, mount: string, directory: string): Promise<Quota> {
  const enabled = await exec({ file: "btrfs", args: ["qgroup", "show", "--raw", mount], deadlineMs }).catch(
    () => undefined,
  );
  if (enabled?.exitCode !== 0)
    return { kind: "none", why: `${mount} (btrfs) does not count (btrfs quota enable ${mount})` };
  const isSubvolume = (await inodeOf(directory)) === subvolumeInode;
  const shown = isSubvolume
    ? (
        await exec({ file: "btrfs", args: ["qgroup", "show", "--raw", "-r", "-f", directory], deadlineMs })
      ).stdout.toString()
    : "";
  const limit = Number(/^0\/\d+\s+\d+\s+\d+\s+(\d+)/m.exec(shown)?.[1] ?? 0);
  return { kind: "btrfs", mount, isSubvolume, limitBytes: limit > 0 ? limit : undefined };
}

async function inodeOf(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ ino }) => ino,
    () => undefined,
  );
}

/** What there is of a path already. */
async function nearest(path: string): Promise<string> {
  try {
    await stat(path);
    return path;
  } catch (error) {
    if (path === "/" || !hasErrno(error, "ENOENT", "ENOTDIR")) throw error;
    return nearest(dirname(path));
  }
}
