/** The guest's first file system: busybox, the modules that reach the root, and the scripts in guest/. */

import { copyFile, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { type Exec, mustRead } from "../../../common/exec.ts";
import type { DebianKernel } from "./debian-kernel.ts";

/**
 * The devices on the microvm's bus, the file systems that make the root, entropy, and those modules that programs look
 * for by a device file. What else is needed (btrfs, xfs, veth, netem, nf_tables) the kernel loads when it is first
 * used; nbd, with its fixed number of devices, is for a test to load.
 */
const modules = [
  ...["virtio_mmio", "virtio_console", "virtio_rng"],
  ...["9pnet_virtio", "9p", "overlay"],
  ...["loop", "dm-mod", "dm-crypt", "fuse"],
];

/** What guest/init.sh calls. */
const applets = ["cp", "hostname", "insmod", "ip", "ln", "mkdir", "mkfifo", "mount", "sed", "sh", "switch_root"];

const guestScripts = join(import.meta.dirname, "guest");
/** What init.sh puts into the guest's /run/lab. */
const guestPrograms = ["serve.sh", "fresh-root.sh", "traces.sh"];

/**
 * Writes an initramfs for `kernel` to `file`, using the empty directory `work`. It is not compressed: it is read once,
 * from memory, and unpacking costs the emulator more than reading.
 * @throws {LuksmithError} "tool_failed"
 */
export async function writeInitramfs(exec: Exec, kernel: DebianKernel, work: string, file: string): Promise<void> {
  const files = ["init", ...guestPrograms, "bin/busybox"];
  const directories = ["bin", "dev", "lower", "modules", "proc", "root", "sys", "writes"];
  for (const directory of directories) await mkdir(join(work, directory));
  await copyFile(kernel.busybox, join(work, "bin/busybox"));
  for (const applet of applets) {
    await symlink("busybox", join(work, "bin", applet));
    files.push(`bin/${applet}`);
  }
  // written rather than copied: they have to be executable, whatever a checkout made of their modes
  await writeFile(join(work, "init"), await readFile(join(guestScripts, "init.sh")), { mode: 0o755 });
  for (const name of guestPrograms) {
    await writeFile(join(work, name), await readFile(join(guestScripts, name)), { mode: 0o755 });
  }

  const order: string[] = [];
  for (const path of await modulesInOrder(exec, kernel)) {
    const name = basename(path).replace(/\.xz$/, "");
    await writeFile(join(work, "modules", name), await readModule(exec, path));
    order.push(name);
    files.push(`modules/${name}`);
  }
  await writeFile(join(work, "modules/order"), `${order.join("\n")}\n`);
  files.push("modules/order");

  const archive = await mustRead(exec, {
    file: kernel.busybox,
    args: ["cpio", "-o", "-H", "newc"],
    cwd: work,
    stdin: [...directories, ...files].map((name) => `${name}\n`).join(""),
    deadlineMs: 30_000,
  });
  await writeFile(file, archive);
}

/** Paths of the modules, each after those that it needs. Source: modprobe(8), --show-depends. */
async function modulesInOrder(exec: Exec, kernel: DebianKernel): Promise<string[]> {
  const paths = new Set<string>();
  for (const name of modules) {
    const steps = await mustRead(exec, {
      file: "modprobe",
      args: ["--dirname", kernel.tree, "--set-version", kernel.version, "--show-depends", name],
      deadlineMs: 30_000,
    });
    // "insmod /path/x.ko" per line; "builtin x" for those that are part of the kernel
    for (const [, path] of steps.toString().matchAll(/^insmod (\S+)/gm)) if (path !== undefined) paths.add(path);
  }
  return [...paths];
}

async function readModule(exec: Exec, path: string): Promise<Buffer> {
  if (!path.endsWith(".xz")) return readFile(path);
  const args = ["--decompress", "--stdout", path];
  return mustRead(exec, { file: "xz", args, deadlineMs: 30_000 });
}
