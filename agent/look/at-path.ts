/** What is at a path of a snapshot. */

import type { Command, Exec } from "../../common/exec.ts";
import { requireNoLinkAbove, withAncestors } from "../restore/paths.ts";
import { existing } from "../tools/existing.ts";

/**
 * @param path relative to `cwd`; empty for all of it
 * @returns find's type letter; undefined when there is nothing, or nothing that the caller may know of
 * @throws {LuksmithError} "not_found" when it is behind a symbolic link
 */
export async function typeAt(
  exec: Exec,
  { cwd, path, as }: { cwd: string; path: Buffer; as: Command["as"] },
  signal: AbortSignal,
): Promise<string | undefined> {
  if (path.length === 0) return "d";
  const there = await existing(exec, { cwd, paths: withAncestors([path]), as }, signal);
  requireNoLinkAbove([path], there);
  return there.find((found) => found.path.equals(path))?.type;
}
