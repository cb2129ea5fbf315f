/** Sees to the Debian packages: installs what is missing when it may, otherwise says what to type. */

import { spawnSync } from "node:child_process";
import { type DebianPackage, type Purpose, packagesFor } from "./debian-packages.ts";

/** @returns whether everything is there now */
export function setUp(purpose: Purpose): boolean {
  const missing = packagesFor(purpose).filter(({ name }) => !isInstalled(name));
  if (missing.length === 0) return true;
  const names = missing.map(({ name }) => name);
  console.log(`Debian packages that are missing:\n${missing.map(describe).join("\n")}`);
  if (process.getuid?.() !== 0) {
    console.log(
      `\nplease type:\n  sudo apt-get update && sudo apt-get install --no-install-recommends ${names.join(" ")}`,
    );
    return false;
  }
  console.log("installing them");
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  for (const args of [
    ["update", "-qq"],
    ["install", "-qq", "-y", "--no-install-recommends", ...names],
  ]) {
    const { status, stdout, stderr } = spawnSync("apt-get", args, { env, encoding: "utf8" });
    if (status !== 0) {
      console.error(`${stdout}${stderr}error: apt-get ${args[0]} failed`);
      return false;
    }
  }
  return true;
}

function describe({ name, because }: DebianPackage): string {
  return `  ${name.padEnd(20)} ${because}`;
}

function isInstalled(name: string): boolean {
  const { stdout } = spawnSync("dpkg-query", ["--show", "--showformat=${Status}", name], { encoding: "utf8" });
  return stdout === "install ok installed";
}

if (import.meta.main) process.exitCode = setUp("test") ? 0 : 1;
