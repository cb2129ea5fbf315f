/** Where a machine's directory is, and the place of its images in it. Pure. */

import { dirname, join, relative } from "node:path";
import { LuksmithError } from "../../common/errors.ts";
import type { SetupRequest } from "../../common/setup-request.ts";
import type { Account, Found } from "./observe/found.ts";
import { defaultStorage } from "./paths.ts";

export interface Place {
  readonly directory: string;
  /** The directories below it that lead to the images, from above; none when they are in it. */
  readonly below: readonly string[];
}

/** Of the system's own, or gone at the next boot. */
const notForStorage = [
  "bin",
  "boot",
  "dev",
  "etc",
  "lib",
  "lib32",
  "lib64",
  "libx32",
  "proc",
  "root",
  "run",
  "sbin",
  "sys",
  "tmp",
  "usr",
];
const shared = [
  "/var/lib",
  "/var/log",
  "/var/tmp",
  "/var/cache",
  "/var/spool",
  "/var/lib/luksmith",
  "/var/lib/luksmith-helper",
];

/** @throws {LuksmithError} "usage" */
export function placeOf(request: SetupRequest, user: Account | undefined): Place {
  const isAbsolute = request.path.startsWith("/");
  const home = request.adoptUser ? user?.home : undefined;
  const directory = request.directory ?? (isAbsolute ? request.path : (home ?? join(defaultStorage, request.machine)));
  requireStorage(directory);
  const inside = isAbsolute ? relative(directory, request.path) : request.path;
  if (inside.startsWith("..")) {
    throw new LuksmithError("usage", `${request.path}, where the agent looks for images, is not in ${directory}`, {
      hint: "--directory has to be that path, or above it",
    });
  }
  const names = inside.split("/").filter((name) => name !== "" && name !== ".");
  if (names.some((name) => !/^[A-Za-z0-9_.+@=-]+$/.test(name))) {
    throw new LuksmithError("usage", `setup makes no directory of the name ${request.path}`, {
      hint: "letters, digits and _ . + @ = - will do, in path of the remote",
    });
  }
  return { directory, below: names.map((_, index) => join(directory, ...names.slice(0, index + 1))) };
}

/** @throws {LuksmithError} "usage" */
export function requireStorage(directory: string): void {
  const [first = "", ...rest] = directory.split("/").filter(Boolean);
  if (rest.length > 0 && !notForStorage.includes(first) && !shared.includes(directory)) return;
  throw new LuksmithError("usage", `${directory} cannot be a machine's own directory`, {
    hint: `such as ${defaultStorage}/NAME: a directory that is there for this machine alone`,
  });
}

/** From the top down, without the root. */
export function ancestorsOf(path: string): string[] {
  const above = dirname(path);
  return above === "/" ? [] : [...ancestorsOf(above), above];
}

/**
 * The helper works there as root, and believes that nobody moves the directory away from under it.
 * @throws {LuksmithError} "refused"
 */
export function requireSafeWay(found: Found, directory: string): void {
  for (const path of ancestorsOf(directory)) {
    if (found.others.has(path) || found.files.has(path))
      throw unsafe(path, "is no directory (a symbolic link is none)");
    const above = found.directories.get(path);
    if (above === undefined) continue;
    if (above.uid !== 0) throw unsafe(path, `belongs to uid ${above.uid}, who could move the directory away`);
    if ((above.mode & 0o022) !== 0) throw unsafe(path, "can be written by others than root");
  }
}

function unsafe(path: string, how: string): LuksmithError {
  return new LuksmithError("refused", `${path} ${how}`, { hint: "--directory names another place" });
}
