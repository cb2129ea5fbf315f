/** Which paths of a snapshot somebody asks for, as bytes: names need not be UTF-8. Pure. */

import { LuksmithError } from "../../common/errors.ts";
import { showName } from "../../common/file-name.ts";

const slash = 0x2f;
/** Linux: PATH_MAX, with its NUL. Nothing in a snapshot can have a longer one. */
const pathBytesMax = 4095;

/**
 * A path as it was on the machine ("/etc/hosts") or in the snapshot ("etc/hosts"), made relative to the snapshot:
 * without leading, doubled or trailing slashes and without "." parts. Empty for the whole snapshot.
 * @throws {LuksmithError} "usage" for "..", which has no place in a snapshot, for a NUL, and for one that is too long
 */
export function snapshotPath(path: Uint8Array): Buffer {
  if (path.includes(0)) throw new LuksmithError("usage", "a path holds a NUL byte");
  if (path.length > pathBytesMax) throw new LuksmithError("usage", `a path is longer than ${pathBytesMax} bytes`);
  const parts = partsOf(path);
  if (parts.some((part) => part.equals(Buffer.from("..")))) {
    throw new LuksmithError("usage", `a path in a snapshot cannot hold "..": ${showName(path)}`);
  }
  return joinPath(parts);
}

/** What lies below another of them is restored with it; the same twice is once. */
export function withoutNested(paths: readonly Buffer[]): Buffer[] {
  const distinct = new Map(paths.map((path) => [path.toString("latin1"), path]));
  if (distinct.has("")) return [Buffer.alloc(0)];
  return [...distinct.values()]
    .filter((path) => !ancestors(path).some((above) => distinct.has(above.toString("latin1"))))
    .sort(Buffer.compare);
}

/** Every directory above the path, the outermost first: "home/alice/x" has "home" and "home/alice". */
export function ancestors(path: Buffer): Buffer[] {
  const above: Buffer[] = [];
  for (let at = path.indexOf(slash); at !== -1; at = path.indexOf(slash, at + 1)) above.push(path.subarray(0, at));
  return above;
}

/** The paths and every directory above them, each once. */
export function withAncestors(paths: readonly Buffer[]): Buffer[] {
  const all = new Map<string, Buffer>();
  for (const path of paths) for (const each of [...ancestors(path), path]) all.set(each.toString("latin1"), each);
  return [...all.values()];
}

/**
 * A symbolic link above a path leads to the machine as it is now, not as it was.
 * @param there what was found in the snapshot, of the paths and everything above them
 * @throws {LuksmithError} "not_found" with the link
 */
export function requireNoLinkAbove(
  paths: readonly Buffer[],
  there: readonly { readonly path: Buffer; readonly type: string }[],
): void {
  const links = new Set(there.filter(({ type }) => type === "l").map(({ path }) => path.toString("latin1")));
  for (const path of links.size === 0 ? [] : paths) {
    const link = ancestors(path).find((above) => links.has(above.toString("latin1")));
    if (link === undefined) continue;
    throw new LuksmithError("not_found", `a symbolic link in the snapshot, not a directory: ${showName(link)}`, {
      hint: "name what you want by the path that the link leads to",
    });
  }
}

/** @param directory the snapshot @returns absolute: by root's path to them, whoever restores: it is given to nobody */
export function inSnapshot(directory: string, paths: readonly Buffer[]): Buffer[] {
  return paths.map((path) => Buffer.concat([Buffer.from(`${directory}/`), path]));
}

export function joinPath(parts: readonly Buffer[]): Buffer {
  return Buffer.concat(parts.flatMap((part, index) => (index === 0 ? [part] : [Buffer.from("/"), part])));
}

/** Without leading, doubled or trailing slashes and without "." parts. */
export function partsOf(path: Uint8Array): Buffer[] {
  return splitPath(path).filter((part) => part.length > 0 && !part.equals(Buffer.from(".")));
}

function splitPath(path: Uint8Array): Buffer[] {
  const parts: Buffer[] = [];
  const bytes = Buffer.from(path);
  let from = 0;
  for (let at = bytes.indexOf(slash); at !== -1; at = bytes.indexOf(slash, from)) {
    parts.push(bytes.subarray(from, at));
    from = at + 1;
  }
  parts.push(bytes.subarray(from));
  return parts;
}
