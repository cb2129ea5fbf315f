/** What the kernel has to offer. */

import { access, readFile } from "node:fs/promises";
import type { Exec } from "../../common/exec.ts";
import type { Finding } from "../../proto/gen/luksmith/v1/agent.ts";
import type { FilesystemType } from "../filesystem/kind.ts";
import { readMounts } from "../system/mountinfo.ts";
import { ok, problem, warning } from "./finding.ts";
import { compareVersions, findVersion } from "./tool-version.ts";

const toolDeadlineMs = 10_000;
/** nosymfollow came with it (mount_setattr(2), mount(2)). */
const oldestKernel = "5.10";

/** @param filesystems of the volumes */
export async function examineKernel(exec: Exec, filesystems: readonly FilesystemType[]): Promise<Finding[]> {
  const release = (await readFile("/proc/sys/kernel/osrelease", "utf8")).trim();
  const version = findVersion(release, "linux") ?? release;
  const kernel =
    compareVersions(version, oldestKernel) < 0
      ? problem("kernel", `${release} is too old`, `${oldestKernel} or newer knows the mount option nosymfollow`)
      : ok("kernel", release);
  const found = [kernel, await fuse(), await deviceMapper(exec), await loop(), await fuseControl()];
  return filesystems.includes("btrfs") ? [...found, await btrfs(exec)] : found;
}

async function fuse(): Promise<Finding> {
  return (await exists("/dev/fuse"))
    ? ok("fuse", "/dev/fuse is there")
    : problem("fuse", "/dev/fuse is missing", "modprobe fuse");
}

/** A table with a crypt target needs dm-crypt; asking for its version loads the module where it is one. */
async function deviceMapper(exec: Exec): Promise<Finding> {
  await loadModule(exec, "dm-crypt");
  const targets = await exec({ file: "dmsetup", args: ["targets"], deadlineMs: toolDeadlineMs }).catch(() => undefined);
  if (targets?.exitCode !== 0)
    return problem("device-mapper", "the kernel has no device-mapper", "modprobe dm-mod dm-crypt");
  const crypt = /^crypt\s+v?(\S+)/m.exec(targets.stdout.toString())?.[1];
  return crypt === undefined
    ? problem("device-mapper", "the kernel has no dm-crypt", "modprobe dm-crypt")
    : ok("device-mapper", `crypt target ${crypt}`);
}

async function btrfs(exec: Exec): Promise<Finding> {
  await loadModule(exec, "btrfs");
  // filesystems(5)
  return /^\s*btrfs$/m.test(await readFile("/proc/filesystems", "utf8"))
    ? ok("btrfs", "the kernel has it")
    : problem("btrfs", "the kernel has no btrfs, and volumes with it cannot be mounted", "modprobe btrfs says why");
}

async function loop(): Promise<Finding> {
  return (await exists("/dev/loop-control"))
    ? ok("loop", "/dev/loop-control is there")
    : problem("loop", "/dev/loop-control is missing", "modprobe loop");
}

async function fuseControl(): Promise<Finding> {
  const mounted = (await readMounts()).some((mount) => mount.type === "fusectl");
  return mounted
    ? ok("fusectl", "a hanging sshfs can be broken off")
    : warning(
        "fusectl",
        "is not mounted: a hanging sshfs cannot be broken off at once",
        "mount -t fusectl fusectl /sys/fs/fuse/connections",
      );
}

/** Where it is one: what is built in needs none. Whether it is there is asked of the kernel afterwards. */
async function loadModule(exec: Exec, name: string): Promise<void> {
  await exec({ file: "modprobe", args: ["--quiet", name], deadlineMs: toolDeadlineMs }).catch(() => undefined);
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
