/** Sees to the Debian packages: installs what is missing when it may, otherwise says what to type. */

import { spawnSync } from "node:child_process";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { labCacheDirectory } from "../test/lab/harness/cache-directory.ts";
import { hasKernel, kernelPackage } from "../test/lab/harness/debian-kernel.ts";
import { type DebianPackage, type Purpose, packagesFor } from "./debian-packages.ts";

/** @returns whether everything is there now */
export function setUp(purpose: Purpose): boolean {
  const missing = packagesFor(purpose).filter(({ name }) => !isInstalled(name));
  const isRoot = process.getuid?.() === 0;
  const cache = labCacheDirectory(process.env, process.getuid?.() ?? 0);
  // downloads need to know where; a fresh container's apt does not
  const listsAreMissing = missing.length === 0 && !hasKernel(cache) && !isKnown(kernelPackage);
  if (missing.length === 0 && !listsAreMissing) return true;
  if (missing.length > 0) console.log(`Debian packages that are missing here:\n${missing.map(describe).join("\n")}`);
  const names = missing.map(({ name }) => name);
  const install = ["install", "--yes", "--quiet", "--no-install-recommends", ...names];
  if (!isRoot) {
    const commands = ["apt-get update", ...(missing.length > 0 ? [`apt-get ${install.join(" ")}`] : [])];
    console.log(`please type, as root:\n${commands.map((command) => `  ${command}`).join("\n")}`);
    return false;
  }
  console.log(missing.length > 0 ? "installing them with apt-get" : "asking Debian what there is (apt-get update)");
  return aptGet(["update", "--quiet"]) && (missing.length === 0 || withoutStartingServices(() => aptGet(install)));
}

/** Says what apt-get said only when it failed. */
function aptGet(args: readonly string[]): boolean {
  const { status, stdout, stderr } = spawnSync("apt-get", args, {
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    encoding: "utf8",
  });
  if (status === 0) return true;
  console.error(`${stdout}${stderr}error: apt-get ${args[0]} failed`);
  return false;
}

/**
 * Nobody who types `npm test` asked for an SSH server on this machine: the lab starts one of its own, in the guest.
 * Source: invoke-rc.d(8), policy-rc.d: exit code 101 means "not allowed". What is not started now would still start
 * at the next boot, so it is disabled as well where systemd runs.
 */
function withoutStartingServices(install: () => boolean): boolean {
  const policy = "/usr/sbin/policy-rc.d";
  const ours = !existsSync(policy);
  const sshWasThere = isInstalled("openssh-server");
  if (ours) writeFileSync(policy, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    if (!install()) return false;
  } finally {
    if (ours) rmSync(policy);
  }
  if (!sshWasThere && existsSync("/run/systemd/system")) {
    spawnSync("systemctl", ["--quiet", "disable", "ssh.service", "ssh.socket"]);
  }
  return true;
}

function describe({ name, because }: DebianPackage): string {
  return `  ${name.padEnd(20)} ${because}`;
}

/** Source: dpkg-query(1). */
function isInstalled(name: string): boolean {
  const { stdout } = spawnSync("dpkg-query", ["--show", "--showformat=${Status}", name], { encoding: "utf8" });
  return stdout === "install ok installed";
}

function isKnown(name: string): boolean {
  return spawnSync("apt-cache", ["show", name], { stdio: "ignore" }).status === 0;
}

if (import.meta.main) {
  const ready = setUp("test");
  if (ready) console.log("every Debian package that the tests and the demo need is installed");
  process.exitCode = ready ? 0 : 1;
}
