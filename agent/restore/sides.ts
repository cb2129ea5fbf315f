/** What a restore finds before it begins: of what is asked for, in the snapshot and where it is to go. */

import { allOrFirstError } from "../../common/all-settled.ts";
import type { Command } from "../../common/exec.ts";
import type { Host } from "../system/host.ts";
import { existing } from "../tools/existing.ts";
import { isDirectory } from "./going-on.ts";
import { withAncestors } from "./paths.ts";
import { type Wanted, wantedPaths } from "./wanted.ts";

export interface Places {
  /** The snapshot, and where it is restored to. */
  readonly from: string;
  readonly into: string;
  readonly as: Command["as"];
}

export interface BothSides {
  readonly wanted: Wanted;
  readonly targetIsThere: boolean;
  /** What is in the target of the wanted paths, and of the directories above them, with find's type letter. */
  readonly present: readonly { readonly path: Buffer; readonly type: string }[];
}

/** @throws {LuksmithError} "not_found" for what the snapshot has not */
export async function lookAtBothSides(
  { exec }: Host,
  { from, into, as }: Places,
  asked: readonly Buffer[],
  signal: AbortSignal,
): Promise<BothSides> {
  const [wanted, targetIsThere] = await allOrFirstError(
    wantedPaths(exec, { from, asked, as }, signal),
    isDirectory(exec, into, as, signal),
  );
  const paths = withAncestors(wanted.paths);
  const present = targetIsThere ? await existing(exec, { below: into, paths, as }, signal) : [];
  return { wanted, targetIsThere, present };
}
