/** A host as setup may find it. */

import { emptyManifest, type Manifest } from "../../../../helper/setup/manifest.ts";
import type { Found, FoundDirectory, FoundFile } from "../../../../helper/setup/observe/found.ts";
import { neededPackages } from "../../../../helper/setup/plan/packages.ts";
import { sha256 } from "../../../../helper/setup/plan/want.ts";
import type { Plan } from "../../../../helper/setup/step.ts";

export const publicKey = `ssh-ed25519 ${"A".repeat(68)}`;

/** Debian, with everything installed, and nothing of ours. */
export function sampleFound(found: Partial<Found> = {}): Found {
  return {
    packages: new Set(neededPackages),
    user: undefined,
    busy: 0,
    files: new Map(),
    directories: new Map(
      ["/srv", "/etc/ssh/sshd_config.d", "/etc/sudoers.d", "/etc/logrotate.d", "/usr/local/sbin"].map((path) => [
        path,
        rootsDirectory(),
      ]),
    ),
    others: new Set(),
    manifest: emptyManifest,
    sources: {
      node: { path: "/new/node", sha256: "1".repeat(64) },
      bundle: { path: "/new/luksmith-helper.mjs", sha256: "2".repeat(64) },
      gate: { path: "/new/luksmith-helper-gate", sha256: "3".repeat(64) },
    },
    systemd: true,
    sshd: { unit: "ssh.service" },
    enabledUnits: new Set(),
    firewallStands: false,
    quota: { kind: "none", why: "/srv (ext4) does not count what its users have" },
    uids: new Set([0]),
    ...found,
  };
}

export function rootsDirectory(...names: string[]): FoundDirectory {
  return { mode: 0o755, uid: 0, names };
}

export function textFile(text: string, mode = 0o644): FoundFile {
  return { mode, uid: 0, text, sha256: sha256(text) };
}

/** The host after the plan: what it would be found as, as far as a second plan can tell. */
export function after(found: Found, { steps }: Plan, uid = 1001): Found {
  const files = new Map(found.files);
  const directories = new Map(found.directories);
  let { user, firewallStands } = found;
  const enabledUnits = new Set(found.enabledUnits);
  const packages = new Set(found.packages);
  let manifest: Manifest = found.manifest;
  for (const { action, registers = [], strikes = [] } of steps) {
    const isSame = (one: object) => (other: object) => JSON.stringify(one) === JSON.stringify(other);
    manifest = {
      ...manifest,
      made: [...manifest.made, ...registers].filter((made) => !strikes.some(isSame(made))),
    };
    if (action.kind === "file") files.set(action.path, textFile(action.content, action.mode));
    if (action.kind === "copy") {
      const source = Object.values(found.sources).find(({ path }) => path === action.from);
      files.set(action.path, { mode: action.mode, uid: 0, text: undefined, sha256: source?.sha256 ?? "" });
    }
    if (action.kind === "directory") {
      directories.set(action.path, { mode: action.mode, uid: action.owner === undefined ? 0 : uid, names: [] });
    }
    if (action.kind === "own") {
      const names = directories.get(action.path)?.names ?? [];
      directories.set(action.path, { mode: action.mode, uid: action.owner === "root" ? 0 : uid, names });
    }
    if (action.kind === "remove") files.delete(action.path);
    if (action.kind === "remove-directory") directories.delete(action.path);
    if (action.kind !== "command") continue;
    const [program, ...args] = action.argv;
    if (program === "mkdir") directories.set(args.at(-1) ?? "", { mode: 0o700, uid, names: [] });
    if (program === "rmdir") directories.delete(args.at(-1) ?? "");
    if (program === "useradd") user = { uid, gid: uid, home: "/var/lib/luksmith-helper/home", shell: "/bin/sh" };
    if (program === "userdel") user = undefined;
    if (program === "systemctl" && args[0] === "enable") enabledUnits.add(args[1] ?? "");
    if (program?.endsWith("luksmith-helper") && args.join(" ") === "firewall apply") firewallStands = true;
    if (program === "apt-get") for (const name of args.slice(4)) packages.add(name);
  }
  return { ...found, files, directories, user, firewallStands, enabledUnits, packages, manifest };
}

/** What is changed, in a word each. */
export function deeds({ steps }: Plan): string[] {
  return steps.flatMap(({ action, looks }) => {
    if (looks === true) return [];
    if (action.kind === "command") return [action.argv.slice(0, 2).join(" ")];
    return "path" in action ? [`${action.kind} ${action.path}`] : [action.kind];
  });
}
