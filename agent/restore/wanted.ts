/** What of a snapshot somebody asks to have back. */

import { LuksmithError } from "../../common/errors.ts";
import type { Command, Exec } from "../../common/exec.ts";
import { showName } from "../../common/file-name.ts";
import { existing } from "../tools/existing.ts";
import { listDirectory } from "../tools/find.ts";
import { requireNoLinkAbove, withAncestors } from "./paths.ts";

const shownMissing = 10;

export interface Wanted {
  /** Nothing was named. */
  readonly whole: boolean;
  /** Relative to the snapshot; everything in it when nothing was named. */
  readonly paths: readonly Buffer[];
  /** Of those that were named: what they are in the snapshot, with find's type letter. */
  readonly found: readonly { readonly path: Buffer; readonly type: string }[];
}

/** @throws {LuksmithError} "not_found" for a name that is not there */
export async function wantedPaths(
  exec: Exec,
  { from, asked, as }: { from: string; asked: readonly Buffer[]; as: Command["as"] },
  signal: AbortSignal,
): Promise<Wanted> {
  if (asked.length === 0 || asked.some((path) => path.length === 0)) {
    const top = (await listDirectory(exec, from, signal)) ?? [];
    return { whole: true, paths: top.map(({ name }) => Buffer.from(name, "latin1")), found: [] };
  }
  const found = await existing(exec, { cwd: from, paths: withAncestors(asked), as }, signal);
  requireNoLinkAbove(asked, found);
  const there = new Set(found.map(({ path }) => path.toString("latin1")));
  const missing = asked.filter((path) => !there.has(path.toString("latin1")));
  if (missing.length > 0) {
    const names = missing.slice(0, shownMissing).map(showName).join(", ");
    throw new LuksmithError("not_found", `not in the snapshot: ${names}`, { hint: "luksmith ls shows what is" });
  }
  return { whole: false, paths: asked, found };
}
