/** Everything that a machine needs on this host, in an order in which nothing is open before it is confined. Pure. */

import { dirname } from "node:path";
import type { SetupRequest } from "../../../common/setup-request.ts";
import { defaultHelperConfigPath, parseHelperConfig } from "../../config/helper-config.ts";
import type { Found } from "../observe/found.ts";
import {
  bundlePath,
  firewallUnitPath,
  gatePath,
  homePath,
  keyFile,
  keysDirectory,
  launcherPath,
  libraryDirectory,
  logrotatePath,
  nodePath,
  runtimeDirectory,
  sshdDirectory,
  sshdFile,
  stateDirectory,
  sudoersDirectory,
  sudoersFile,
} from "../paths.ts";
import { ancestorsOf, type Place, requireStorage } from "../place.ts";
import type { Plan, Step } from "../step.ts";
import { planAccess } from "./access.ts";
import { planConfiguration } from "./configuration.ts";
import { planFirewall } from "./firewall.ts";
import { neededPackages, planPackages, quotaPackage } from "./packages.ts";
import { planPrograms } from "./programs.ts";
import { planQuota } from "./quota.ts";
import { planStorage } from "./storage.ts";
import { planUser } from "./user.ts";

const defaultLog = "/var/log/luksmith-helper.log";

/** What has to be looked at before anything can be planned. */
export function pathsToLookAt(machine: string, place: Place | undefined, more: readonly string[]): string[] {
  const storage = place === undefined ? [] : [...ancestorsOf(place.directory), place.directory, ...place.below];
  const own = [keyFile(machine), sshdFile(machine), sudoersFile(machine)];
  const shared = [bundlePath, firewallUnitPath, gatePath, homePath, keysDirectory, launcherPath, libraryDirectory];
  const others = [
    logrotatePath,
    nodePath,
    runtimeDirectory,
    sshdDirectory,
    stateDirectory,
    sudoersDirectory,
    defaultHelperConfigPath,
  ];
  const above = [dirname(defaultHelperConfigPath), dirname(logrotatePath)];
  return [...new Set([...storage, ...own, ...shared, ...others, ...above, ...more])];
}

export function packagesFor(request: SetupRequest | undefined, found?: Found): string[] {
  const wantsQuota = request?.quotaBytes !== undefined && (found === undefined || found.quota.kind === "user");
  return [...neededPackages, ...(wantsQuota ? [quotaPackage] : [])];
}

/** For the list of what is made, before there is anything to stand in it. 0711: the machines' users pass through. */
function planState(found: Found): Step[] {
  if (found.directories.has(stateDirectory)) return [];
  const action = { kind: "directory", path: stateDirectory, mode: 0o711 } as const;
  return [{ says: `make the directory ${stateDirectory}`, action }];
}

/** @throws {LuksmithError} "refused", "config" before anything is done: what cannot be finished is not begun */
export function planSetup(found: Found, request: SetupRequest, place: Place): Plan {
  const { machine, direct, checkpoints, quotaBytes } = request;
  const { directory } = place;
  if (checkpoints !== undefined) requireStorage(checkpoints);
  const text = found.files.get(defaultHelperConfigPath)?.text;
  const before = text === undefined ? undefined : parseHelperConfig(text, defaultHelperConfigPath);
  const access = planAccess(found, request, directory);
  const quota = planQuota(found, machine, directory, quotaBytes);
  const firewall =
    direct === undefined && before?.direct === undefined ? { steps: [], notes: [] } : planFirewall(found);
  const asSubvolume = quotaBytes !== undefined && found.quota.kind === "btrfs";
  return {
    steps: [
      ...planState(found),
      ...planPackages(found, packagesFor(request, found)),
      ...planUser(found, request, directory),
      ...planStorage(found, machine, place, asSubvolume),
      ...quota.steps,
      ...planPrograms(found, before?.log.file ?? defaultLog),
      ...planConfiguration(found, request, directory),
      ...firewall.steps,
      ...access.steps,
    ],
    notes: [...quota.notes, ...firewall.notes, ...access.notes],
  };
}
