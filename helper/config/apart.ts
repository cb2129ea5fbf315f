/**
 * Directories of the configuration that have to be apart: each machine's from every other's, and the checkpoints, the log and what is
 * below /run from all of them. What lies in a machine's directory is that machine's to write.
 */

import { realpath } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { hasErrno, LuksmithError } from "../../common/errors.ts";

export interface Placed {
  /** As it stands in the configuration: "machines.lm-web01.directory". */
  readonly name: string;
  readonly path: string;
  /** Whose content a machine decides on. */
  readonly isMachines: boolean;
}

interface Placing {
  readonly machines: ReadonlyMap<string, { readonly directory: string }>;
  readonly checkpoints?: { readonly directory: string } | undefined;
  readonly log: { readonly file: string };
  readonly runtimeDir: string;
}

export function placesOf({ machines, checkpoints, log, runtimeDir }: Placing): Placed[] {
  return [
    ...[...machines].map(([name, { directory }]) => ({
      name: `machines.${name}.directory`,
      path: directory,
      isMachines: true,
    })),
    ...(checkpoints === undefined
      ? []
      : [{ name: "checkpoints.directory", path: checkpoints.directory, isMachines: false }]),
    { name: "log.file", path: log.file, isMachines: false },
    { name: "runtimeDir", path: runtimeDir, isMachines: false },
  ];
}

/** Pure. @returns what is wrong with each that is not apart from those before it */
export function nested(places: readonly Placed[]): { name: string; message: string }[] {
  return places.flatMap((place, index) =>
    places
      .slice(0, index)
      .filter((other) => (place.isMachines || other.isMachines) && overlap(place.path, other.path))
      .map((other) => ({ name: place.name, message: `must be apart from ${other.name} (${other.path})` })),
  );
}

/** Where the paths lead to by now. @throws {LuksmithError} "config" */
export async function requireApart(config: Placing): Promise<void> {
  const places = await Promise.all(
    placesOf(config).map(async (place) => ({ ...place, path: await resolved(place.path) })),
  );
  const faults = nested(places).map(({ name, message }) => `${name}: ${message}, which its path leads into`);
  if (faults.length > 0) throw new LuksmithError("config", faults.join("\n"));
}

function overlap(a: string, b: string): boolean {
  const inside = (one: string, other: string) =>
    `${one}/`.replace(/\/+$/, "/").startsWith(`${other}/`.replace(/\/+$/, "/"));
  return inside(a, b) || inside(b, a);
}

/** What is there of the path, without links; what is not will be made below that. */
async function resolved(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (!hasErrno(error, "ENOENT") || path === "/") throw error;
    return join(await resolved(dirname(path)), basename(path));
  }
}
