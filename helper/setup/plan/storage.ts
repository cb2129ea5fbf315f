import { LuksmithError } from "../../../common/errors.ts";
import type { Left, Made } from "../manifest.ts";
import type { Found, FoundDirectory } from "../observe/found.ts";
import { ancestorsOf, type Place, requireSafeWay } from "../place.ts";
import type { Step } from "../step.ts";
import { wantDirectory } from "./want.ts";

/**
 * The machine's directory, open to its user alone; what leads to it is root's. What is below it is the machine's to exchange for
 * something else at any time, and is made with its rights.
 */
export function planStorage(found: Found, machine: string, { directory, below }: Place, asSubvolume: boolean): Step[] {
  requireSafeWay(found, directory);
  // of a machine that was removed, and comes back
  const left = found.manifest.left.find((other) => other.machine === machine && other.directory === directory);
  return [
    ...ancestorsOf(directory).flatMap((path) => wantDirectory(found, null, path, 0o755)),
    ...(asSubvolume && !found.directories.has(directory)
      ? makeSubvolume(machine, directory)
      : wantOwned(found, machine, left, directory)),
    ...below.flatMap((path) => wantBelow(found, machine, left, path)),
  ];
}

function makeSubvolume(machine: string, path: string): Step[] {
  const step: Step = {
    says: `make ${path} a subvolume, which can be limited`,
    action: { kind: "command", argv: ["btrfs", "subvolume", "create", path] },
    registers: [{ what: "directory", of: machine, path }],
  };
  return [step, own(machine, path)];
}

function wantOwned(found: Found, machine: string, left: Left | undefined, path: string): Step[] {
  requireDirectory(found, path);
  const there = found.directories.get(path);
  const made: Made = { what: "directory", of: machine, path };
  if (there === undefined) {
    const says = `make the directory ${path}, for ${machine} alone`;
    return [{ says, action: { kind: "directory", path, mode: 0o700, owner: machine }, registers: [made] }];
  }
  if (there.uid === 0 && left !== undefined) {
    if (found.user === undefined && found.uids.has(left.uid)) throw numberTaken(machine, left);
    return [{ ...own(machine, path), registers: [made], takesUp: path }];
  }
  const isTheirs = there.uid === found.user?.uid;
  if (isTheirs && there.mode === 0o700) return [];
  if (!isTheirs && (there.uid !== 0 || there.names.length > 0)) throw notTheirs(machine, path);
  return [{ ...own(machine, path), registers: [{ what: "owned", of: machine, path, ...ownershipOf(there) }] }];
}

function wantBelow(found: Found, machine: string, left: Left | undefined, path: string): Step[] {
  requireDirectory(found, path);
  const there = found.directories.get(path);
  const registers: Made[] = [{ what: "below", of: machine, path }];
  if (there === undefined) {
    const says = `make the directory ${path}, as ${machine}`;
    return [{ says, action: { kind: "command", argv: ["mkdir", "-m", "0700", path], asUser: machine }, registers }];
  }
  if (there.uid !== (found.user?.uid ?? left?.uid)) throw notTheirs(machine, path);
  // made by the setup before
  return left === undefined ? [] : [{ says: "", looks: true, action: { kind: "nothing" }, registers }];
}

function own(machine: string, path: string): Step {
  return { says: `give ${path} to ${machine} alone`, action: { kind: "own", path, mode: 0o700, owner: machine } };
}

function ownershipOf({ uid, mode }: FoundDirectory): { uid: number; mode: number } {
  return { uid, mode };
}

function requireDirectory(found: Found, path: string): void {
  if (!found.files.has(path) && !found.others.has(path)) return;
  throw new LuksmithError("refused", `${path} is no directory (a symbolic link is none)`, {
    hint: "--directory names another place",
  });
}

function notTheirs(machine: string, path: string): LuksmithError {
  return new LuksmithError("refused", `${path} is there already, and does not belong to ${machine}`, {
    hint: `if what is in it is this machine's: chown --recursive ${machine}: ${path}; otherwise --directory names another place`,
  });
}

function numberTaken(machine: string, { uid, directory }: Left): LuksmithError {
  return new LuksmithError(
    "refused",
    `the files in ${directory} are ${machine}'s, whose number, ${uid}, is another user's by now`,
    { hint: `useradd ${machine}, chown --recursive ${machine}: ${directory}, and then --adopt-user` },
  );
}
