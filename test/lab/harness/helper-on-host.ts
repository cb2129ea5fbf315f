/**
 * luksmith-helper on the lab's second host, as `luksmith remote setup` leaves it, with links in the place of copies and without
 * waiting for a setup: gate, sudo rule, launcher, configuration.
 */

import { copyFile, mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import {
  bundlePath,
  gatePath,
  launcherPath,
  libraryDirectory,
  nodePath,
  sudoersFile,
} from "../../../helper/setup/paths.ts";
import { launcherText } from "../../../helper/setup/text/launcher.ts";
import { sudoersText } from "../../../helper/setup/text/sudoers.ts";

const configPath = "/etc/luksmith/helper.yaml";

export interface HelperOnHost {
  /** helper.yaml as a whole. Default: the user's home is its directory, and nothing else is said. */
  readonly config?: string;
  /** The firewall's table is made, as at the host's boot; for a configuration that has `direct`. */
  readonly firewall?: boolean;
}

export async function installHelper(
  { config }: HelperOnHost,
  machine: { readonly user: string; readonly directory: string },
): Promise<void> {
  await removeHelper(machine.user);
  for (const directory of [libraryDirectory, dirname(launcherPath), dirname(configPath)]) {
    await mkdir(directory, { recursive: true, mode: 0o755 });
  }
  await symlink(process.execPath, nodePath);
  await symlink(resolve("dist/luksmith-helper.mjs"), bundlePath);
  await copyFile("deploy/luksmith-helper-gate", gatePath);
  await writeFile(launcherPath, launcherText(), { mode: 0o755 });
  await writeFile(sudoersFile(machine.user), sudoersText(machine.user), { mode: 0o440 });
  const plain = `machines:\n  ${machine.user}: { directory: ${machine.directory} }\n`;
  await writeFile(configPath, config ?? plain, { mode: 0o600 });
}

export async function removeHelper(user: string): Promise<void> {
  const made = [libraryDirectory, launcherPath, configPath, sudoersFile(user)];
  for (const path of [...made, "/run/luksmith-helper", "/var/log/luksmith-helper.log"]) {
    await rm(path, { recursive: true, force: true });
  }
}
