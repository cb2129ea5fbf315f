/** Debian's kernel, fetched once and kept in the lab's cache. */

import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { hasErrno, LuksmithError } from "../../../common/errors.ts";
import { type Exec, mustRun } from "../../../common/exec.ts";
import { fetchPackage, firstDependency } from "./debian-package.ts";
import { unpackKernel } from "./kernel-image.ts";

export interface DebianKernel {
  /** As in `uname -r`. */
  readonly version: string;
  /** What qemu boots. */
  readonly image: string;
  /** Root of the tree that modprobe(8) -d takes: `usr/lib/modules/VERSION` is below. */
  readonly tree: string;
  /** What belongs on /lib/modules of the guest. */
  readonly modules: string;
  readonly busybox: string;
}

/** The name of the package that stands for "the current kernel". */
export const kernelPackage = "linux-image-amd64";

/** Whether the cache has what {@link debianKernel} would otherwise fetch. */
export function hasKernel(cache: string): boolean {
  return existsSync(join(cache, "kernels")) && existsSync(join(cache, "busybox-static"));
}

/**
 * The kernel from the cache; without one, fetches Debian's current one. Delete the cache to get a newer one.
 * @param say told what takes long
 * @throws {LuksmithError} "tool_failed"
 */
export async function debianKernel(exec: Exec, cache: string, say: (line: string) => void): Promise<DebianKernel> {
  if (process.arch !== "x64") {
    throw new LuksmithError("tool_failed", `the lab needs an amd64 machine, and this one is ${process.arch}`);
  }
  const cached = (await entries(join(cache, "kernels"))).filter((name) => !name.startsWith(".")).at(-1);
  const version = cached ?? (await fetchKernel(exec, cache, say));
  const busybox = join(cache, "busybox-static");
  if ((await entries(busybox)).length === 0) {
    say("lab: fetching Debian's busybox-static");
    await fetchPackage(exec, "busybox-static", busybox, settleBusybox);
  }
  const tree = join(cache, "kernels", version);
  return {
    version,
    image: join(tree, "kernel"),
    tree,
    modules: join(tree, "usr/lib/modules"),
    busybox: join(busybox, "busybox"),
  };
}

async function fetchKernel(exec: Exec, cache: string, say: (line: string) => void): Promise<string> {
  const name = await firstDependency(exec, kernelPackage);
  const version = name.replace(/^linux-image-/, "");
  say(`lab: fetching Debian's kernel ${version}, about 70 MB, once`);
  await fetchPackage(exec, name, join(cache, "kernels", version), async (tree) => {
    // Debian 12 ships lib/modules, later ones usr/lib/modules; depmod and modprobe look in one or the other
    if ((await entries(join(tree, "lib"))).length > 0) {
      await mkdir(join(tree, "usr/lib"), { recursive: true });
      await rename(join(tree, "lib/modules"), join(tree, "usr/lib/modules"));
      await rm(join(tree, "lib"), { recursive: true });
    }
    await symlink("usr/lib", join(tree, "lib"));
    await mustRun(exec, { file: "depmod", args: ["--basedir", tree, version], deadlineMs: 120_000 });
    const packed = await readFile(join(tree, "boot", `vmlinuz-${version}`));
    await writeFile(join(tree, "kernel"), (await unpackKernel(exec, packed)) ?? packed);
  });
  return version;
}

/** Debian 12 ships bin/busybox, later ones usr/bin/busybox. */
async function settleBusybox(tree: string): Promise<void> {
  for (const directory of ["bin", "usr/bin"]) {
    if ((await entries(join(tree, directory))).includes("busybox")) {
      await rename(join(tree, directory, "busybox"), join(tree, "busybox"));
      return;
    }
  }
  throw new LuksmithError("tool_failed", "package busybox-static has no busybox in it");
}

async function entries(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).sort();
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return [];
    throw error;
  }
}
