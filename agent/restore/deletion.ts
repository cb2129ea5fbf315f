/**
 * Making directories equal to a snapshot: what is in them and not in the snapshot is removed, by rsync(1) with the rights of the one
 * who asks. Nothing is removed before all of the snapshot has been looked through without a fault, nothing behind a symbolic
 * link or on another file system, and nothing in what this machine runs by.
 */

import { realpath } from "node:fs/promises";
import { dirname } from "node:path/posix";
import { LuksmithError } from "../../common/errors.ts";
import { type Command, type Exec, mustRead } from "../../common/exec.ts";
import { showName } from "../../common/file-name.ts";
import { Item_Action } from "../../proto/gen/luksmith/v1/types.ts";
import { readMounts } from "../system/mountinfo.ts";
import { volumeDeadlineMs } from "../tools/deadlines.ts";
import { walk } from "../tools/find.ts";
import { nullTerminated } from "../tools/null-terminated.ts";
import { copy } from "../tools/rsync.ts";
import { itemAction, itemFormat, parseItem } from "../tools/rsync-output.ts";
import { ancestors } from "./paths.ts";

/** hier(7): without one of these no machine runs. What is below them can be named by itself. */
const systemDirectories = new Set([
  "/",
  ...["bin", "boot", "dev", "etc", "proc", "run", "sbin", "sys", "usr", "var", "var/lib"].map((name) => `/${name}`),
]);

/** Whether a machine needs it to run, and what is in it. */
function isOfTheSystem(directory: string): boolean {
  return (
    systemDirectories.has(directory) ||
    /^\/lib(x?\d+)?$/.test(directory) ||
    ["/usr", "/dev", "/proc", "/sys"].includes(dirname(directory))
  );
}

/**
 * Pure. @param directories absolute, one character a byte @param own files and directories that luksmith lives by
 * @throws {LuksmithError} "usage"
 */
export function requireDeletable(directories: readonly string[], own: readonly string[]): void {
  for (const directory of directories) {
    const shown = showName(Buffer.from(directory, "latin1"));
    if (isOfTheSystem(directory)) {
      throw new LuksmithError("usage", `--delete is not for ${shown}: this machine runs by what is there`, {
        hint: "restore into an empty directory, and move what you want from there; or name directories below it",
      });
    }
    const bytes = (path: string) => Buffer.from(path).toString("latin1");
    const held = own.find((path) => isBelow(bytes(path), directory) || isBelow(directory, bytes(path)));
    if (held !== undefined) {
      throw new LuksmithError("usage", `--delete is not for ${shown}: ${held} is luksmith's own`, {
        hint: "name directories beside it",
      });
    }
  }
}

function isBelow(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory === "/" ? "/" : `${directory}/`);
}

/** As they are written, and as they really are. @param own absolute, of this machine's own file systems */
export async function alsoReal(own: readonly string[]): Promise<string[]> {
  const real = await Promise.all(own.map((path) => realpath(path).catch(() => path)));
  return [...new Set([...own, ...real])];
}

/**
 * Pure. A directory that is in the snapshot for the sake of what is below it holds nothing else there, and much else on the machine.
 * @param roots relative, as {@link deletionRoots} gives them; the empty one is all of the snapshot
 * @param sources absolute, that the snapshot was made of
 * @throws {LuksmithError} "usage"
 */
export function requireTaken(roots: readonly Buffer[], sources: readonly string[]): void {
  const taken = sources.map((source) => Buffer.from(source).toString("latin1"));
  for (const root of roots) {
    const path = `/${root.toString("latin1")}`;
    if (path === "/" || taken.some((source) => isBelow(path, source))) continue;
    throw new LuksmithError("usage", `the snapshot has only a part of ${showName(Buffer.from(path, "latin1"))}`, {
      hint: `--delete would remove the rest; it is for what was backed up whole: ${sources.join(", ")}`,
    });
  }
}

/**
 * What is a file system of its own on the machine is an empty directory in a snapshot. @throws {LuksmithError} "usage"
 */
export async function requireNotEmpty(
  exec: Exec,
  { from, roots, as }: Pick<Removal, "from" | "roots" | "as">,
  signal: AbortSignal,
): Promise<void> {
  for (const root of roots) {
    let entries = 0;
    const count = () => {
      entries += 1;
    };
    await walk(exec, { cwd: from, path: root, recursive: false, as }, count, signal);
    if (entries > 0) continue;
    throw new LuksmithError(
      "usage",
      `${showName(root)} is empty in the snapshot: --delete would remove everything in it`,
      {
        hint: "was it a file system of its own when the backup was made",
      },
    );
  }
}

/** @param real absolute, one character a byte */
export async function hasMountsBelow(real: string): Promise<boolean> {
  const below = real === "/" ? "/" : `${real}/`;
  const mounts = await readMounts();
  return mounts.some(
    ({ mountPoint }) => mountPoint !== "/" && Buffer.from(mountPoint).toString("latin1").startsWith(below),
  );
}

interface There {
  readonly path: Buffer;
  readonly type: string;
}

/**
 * Pure. Which of the asked directories are there on both sides, with nothing but directories above them: in others there is nothing to
 * be removed, or nothing that is ours. @param whole everything was asked for @returns relative to both sides
 */
export function deletionRoots(
  whole: boolean,
  paths: readonly Buffer[],
  inSnapshot: readonly There[],
  present: readonly There[],
): Buffer[] {
  if (whole) return [Buffer.alloc(0)];
  const isDirectoryOf = (there: readonly There[]) => {
    const directories = new Set(there.filter(({ type }) => type === "d").map(({ path }) => path.toString("latin1")));
    return (path: Buffer) => directories.has(path.toString("latin1"));
  };
  const [there, here] = [isDirectoryOf(inSnapshot), isDirectoryOf(present)];
  return paths.filter((path) => there(path) && [...ancestors(path), path].every(here));
}

/** Where they really are. @param paths absolute, and there @returns one character a byte */
export async function realPaths(
  exec: Exec,
  { paths, as }: { paths: readonly Buffer[]; as: Command["as"] },
  signal: AbortSignal,
): Promise<string[]> {
  if (paths.length === 0) return [];
  const stdout = await mustRead(exec, {
    file: "xargs",
    args: ["--null", "realpath", "--zero", "--canonicalize-existing", "--"],
    stdin: nullTerminated(paths),
    as,
    deadlineMs: volumeDeadlineMs,
    signal,
  });
  return stdout.toString("latin1").split("\0").filter(Boolean);
}

/**
 * --delete-before: all of the snapshot is listed first; a directory of it that cannot be read keeps everything. --one-file-system:
 * what is mounted stays. Nothing is created or changed, the directories' own attributes included.
 * Source: rsync(1), --delete, --existing, --ignore-existing, --ignore-errors ("even when there are I/O errors" is not the default)
 */
const removingArgs = [
  ...["--recursive", "--links", "--devices", "--specials", "--one-file-system"],
  ...["--delete-before", "--existing", "--ignore-existing", "--from0", "--files-from=-", `--out-format=${itemFormat}`],
] as const;

export interface Removal {
  /** The snapshot, as the caller may see it. */
  readonly from: string;
  readonly into: string;
  /** As {@link deletionRoots} gives them. */
  readonly roots: readonly Buffer[];
  readonly as: Command["as"];
  readonly dryRun: boolean;
  /** Gets what is removed, or would be. */
  readonly onExtra: (path: Buffer) => void;
  /** What stays, with rsync's reason: something is mounted there. */
  readonly onKept: (message: string) => void;
}

/** @returns whether it is certain that all was removed; what is of another type than in the snapshot makes it uncertain as well */
export async function removeExtra(
  exec: Exec,
  { from, into, roots, as, dryRun, onExtra, onKept }: Removal,
  signal: AbortSignal,
): Promise<{ isCertain: boolean }> {
  const spec = {
    args: [...removingArgs, ...(dryRun ? ["--dry-run"] : []), "--", "./", `${into}/`],
    cwd: from,
    stdin: nullTerminated(roots, "./"),
    as,
    onLine: (line: Buffer) => {
      const item = parseItem(line);
      if (item === undefined) {
        if (line.toString("latin1").startsWith("cannot delete ")) onKept(line.toString("latin1"));
      } else if (itemAction(item.changes) === Item_Action.DELETE) onExtra(item.path);
    },
    // what cannot be read is said by the copy that follows, and what could not be removed by looking again
    onComplaint: () => undefined,
  };
  const { incomplete } = await copy(exec, spec, signal);
  return { isCertain: !incomplete };
}
