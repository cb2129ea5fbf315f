/** Who else could change where a path leads. */

import { dirname, join } from "node:path";
import type { Exec } from "../../common/exec.ts";
import { directoryFault } from "../../common/ownership.ts";
import { type LookedAt, lookAt } from "../tools/lstat.ts";

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

/** @param path absolute, of this machine's @throws {LuksmithError} "tool_failed" for one that cannot be looked at */
export async function walkPath(exec: Exec, path: string, signal: AbortSignal | undefined): Promise<Walked> {
  const names = path.split("/");
  const looks = new Looks(exec, signal);
  let at = "/";
  const isRootOpen = isOpenTo(at, await looks.at(at, names));
  let isOpen = isRootOpen;
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
    const found = await looks.at(next, names);
    if (found === undefined) return { real: at, missing: [name, ...names].filter(isName), open, openLink };
    if (found.link !== undefined) {
      links += 1;
      if (links > mostLinks) throw new Error(`${path} leads through more than ${mostLinks} links`);
      if (isOpen || found.uid !== 0) {
        open ??= next;
        openLink ??= next;
      }
      if (found.link.startsWith("/")) {
        at = "/";
        isOpen = isRootOpen;
      }
      names.unshift(...found.link.split("/"));
      continue;
    }
    at = next;
    isOpen = isOpenTo(at, found);
    if (isOpen) open ??= at;
  }
  return { real: at, missing: [], open, openLink };
}

function isName(name: string): boolean {
  return name !== "" && name !== ".";
}

function isOpenTo(directory: string, found: LookedAt | undefined): boolean {
  return found !== undefined && directoryFault(directory, found, 0) !== undefined;
}

/** What has been looked at: a child is asked for as much as is known of the way at once, since each takes a moment. */
class Looks {
  readonly #exec: Exec;
  readonly #signal: AbortSignal | undefined;
  readonly #asked = new Set<string>();
  readonly #found = new Map<string, LookedAt>();

  constructor(exec: Exec, signal: AbortSignal | undefined) {
    this.#exec = exec;
    this.#signal = signal;
  }

  /** @param path without links above it @param names that follow it, unless it is a link @returns undefined when it is not there */
  async at(path: string, names: readonly string[]): Promise<LookedAt | undefined> {
    if (!this.#asked.has(path)) {
      const paths = [path, ...pathsBelow(path, names)];
      for (const [one, found] of await lookAt(this.#exec, paths, this.#signal)) this.#found.set(one, found);
      for (const one of paths) this.#asked.add(one);
    }
    return this.#found.get(path);
  }
}

/** Pure. As far as the names lead downwards. */
function pathsBelow(path: string, names: readonly string[]): string[] {
  const upwards = names.indexOf("..");
  const down = (upwards === -1 ? names : names.slice(0, upwards)).filter(isName);
  return down.map((_, index) => join(path, ...down.slice(0, index + 1)));
}

/**
 * @param path of this machine, which is there
 * @returns the first directory or link on the way to it, itself included, that others than root can change
 */
export async function firstOpenPath(
  exec: Exec,
  path: string,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const { open, missing } = await walkPath(exec, path, signal);
  if (missing.length > 0) throw new Error(`${path} is not there`);
  return open;
}
