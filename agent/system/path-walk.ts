/** Who else could change where a path leads. */

import { lstat, readlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { hasErrno } from "../../common/errors.ts";
import { directoryFault } from "../../common/ownership.ts";

/** path_resolution(7): the kernel follows as many. */
const mostLinks = 40;

export interface Walked {
  /** Without links, as far as it is there. */
  readonly real: string;
  /** The names behind that, which are not there. */
  readonly missing: readonly string[];
  /** The first directory or link on the way that others than root can change, what it leads to included. */
  readonly open: string | undefined;
  /** The first link that others than root can change. */
  readonly openLink: string | undefined;
}

/** @param path absolute, of this machine's @throws errors of the file system's */
export async function walkPath(path: string): Promise<Walked> {
  const names = path.split("/");
  let at = "/";
  let isOpen = directoryFault(at, await lstat(at), 0) !== undefined;
  let open = isOpen ? at : undefined;
  let openLink: string | undefined;
  let links = 0;
  for (let name = names.shift(); name !== undefined; name = names.shift()) {
    if (name === "" || name === ".") continue;
    if (name === "..") {
      at = dirname(at);
      continue;
    }
    const next = join(at, name);
    const found = await lstat(next).catch((error: unknown) => {
      if (hasErrno(error, "ENOENT")) return undefined;
      throw error;
    });
    if (found === undefined) return { real: at, missing: [name, ...names].filter(isName), open, openLink };
    if (found.isSymbolicLink()) {
      links += 1;
      if (links > mostLinks) throw new Error(`${path} leads through more than ${mostLinks} links`);
      if (isOpen || found.uid !== 0) {
        open ??= next;
        openLink ??= next;
      }
      const target = await readlink(next);
      if (target.startsWith("/")) {
        at = "/";
        isOpen = directoryFault(at, await lstat(at), 0) !== undefined;
      }
      names.unshift(...target.split("/"));
      continue;
    }
    at = next;
    isOpen = directoryFault(at, found, 0) !== undefined;
    if (isOpen) open ??= at;
  }
  return { real: at, missing: [], open, openLink };
}

function isName(name: string): boolean {
  return name !== "" && name !== ".";
}

/**
 * @param path of this machine, which is there
 * @returns the first directory or link on the way to it, itself included, that others than root can change
 */
export async function firstOpenPath(path: string): Promise<string | undefined> {
  const { open, missing } = await walkPath(path);
  if (missing.length > 0) throw new Error(`${path} is not there`);
  return open;
}
