import { LuksmithError } from "../../../common/errors.ts";
import type { Left } from "../manifest.ts";
import type { Found } from "../observe/found.ts";
import { ancestorsOf, type Place, requireSafeWay } from "../place.ts";
import type { Step } from "../step.ts";
import { wantDirectory } from "./want.ts";

/** The machine's directory, open to its user alone; what leads to it is root's. */
export function planStorage(found: Found, machine: string, { directory, below }: Place, asSubvolume: boolean): Step[] {
  requireSafeWay(found, directory);
  const steps = ancestorsOf(directory).flatMap((path) => wantDirectory(found, null, path, 0o755));
  if (asSubvolume && !found.directories.has(directory)) {
    steps.push({
      says: `make ${directory} a subvolume, which can be limited`,
      action: { kind: "command", argv: ["btrfs", "subvolume", "create", directory] },
      registers: [{ what: "directory", of: machine, path: directory }],
    });
    steps.push(own(machine, directory));
    return [...steps, ...below.flatMap((path) => wantOwned(found, machine, undefined, path))];
  }
  // of a machine that was removed, and comes back
  const left = found.manifest.left.find((other) => other.machine === machine && other.directory === directory);
  const owned = [directory, ...below].flatMap((path) => wantOwned(found, machine, left, path));
  return [...steps, ...owned];
}

function wantOwned(found: Found, machine: string, left: Left | undefined, path: string): Step[] {
  if (found.files.has(path) || found.others.has(path)) {
    throw new LuksmithError("refused", `${path} is no directory (a symbolic link is none)`, {
      hint: "--directory names another place",
    });
  }
  const there = found.directories.get(path);
  if (there === undefined) {
    return [
      {
        says: `make the directory ${path}, for ${machine} alone`,
        action: { kind: "directory", path, mode: 0o700, owner: machine },
        registers: [{ what: "directory", of: machine, path }],
      },
    ];
  }
  const uid = found.user?.uid ?? left?.uid;
  if (there.uid === uid) return there.mode === 0o700 ? [] : [own(machine, path)];
  if (there.uid === 0 && path === left?.directory) return [{ ...own(machine, path), takesUp: path }];
  if (there.uid === 0 && there.names.length === 0) return [own(machine, path)];
  throw new LuksmithError("refused", `${path} is there already, and does not belong to ${machine}`, {
    hint: `if what is in it is this machine's: chown --recursive ${machine}: ${path}; otherwise --directory names another place`,
  });
}

function own(machine: string, path: string): Step {
  return { says: `give ${path} to ${machine} alone`, action: { kind: "own", path, mode: 0o700, owner: machine } };
}
