/** The copying of a restore: its batches one after another, and what came of all of them. */

import type { RunContext } from "../runs/context.ts";
import type { Attached } from "../stack/attach.ts";
import type { Host } from "../system/host.ts";
import { noticeLoss } from "../transport/transport.ts";
import { withWarming } from "../warm/warming.ts";
import { copyBatch, toBeBrought } from "./batch.ts";
import { inSnapshot } from "./paths.ts";
import type { RestoreBatch } from "./plan.ts";
import type { BothSides, Places } from "./sides.ts";

export interface RestoreTotals {
  readonly files: number;
  readonly bytes: number;
  readonly filesCopied: number;
  readonly bytesCopied: number;
}

export interface Copied {
  readonly totals: RestoreTotals;
  /** Some files were left out. */
  readonly incomplete: boolean;
}

interface Copying extends Places {
  /** As people know {@link Places.into}. */
  readonly named: string;
  readonly batches: readonly RestoreBatch[];
  /** The snapshot by root's path to it. */
  readonly directory: string;
  readonly present: BothSides["present"];
  readonly dryRun: boolean;
  readonly force: boolean;
  /** See {@link copyBatch}. */
  readonly aside: string | undefined;
}

export async function copyBatches(
  host: Host,
  { device, lost, signal }: Attached,
  { batches, directory, present, ...spec }: Copying,
  run: RunContext,
): Promise<Copied> {
  const totals = { files: 0, bytes: 0, filesCopied: 0, bytesCopied: 0 };
  let incomplete = false;
  const there = new Set(present.map(({ path }) => path.toString("latin1")));
  for (const batch of batches) {
    // of what is there, some may be equal; where nothing is, all is brought
    const isThere = batch.paths.some((path) => there.has(path.toString("latin1")));
    const chosen = async (within: AbortSignal) =>
      inSnapshot(directory, await toBeBrought(host.exec, { ...spec, batch }, within));
    const warmed = {
      device,
      starts: inSnapshot(directory, batch.paths),
      // a user's rsync can be kept waiting by a file system of the user's own: one that nobody waits for is not to keep the volume by it
      files: !spec.dryRun && !(isThere && spec.as !== undefined),
      chosen: isThere ? chosen : undefined,
    };
    const copied = await withWarming(host, warmed, signal, (onStart) =>
      copyBatch(host, { ...spec, batch, onStart }, run, signal),
    );
    incomplete ||= copied.incomplete;
    for (const key of ["files", "bytes", "filesCopied", "bytesCopied"] as const) totals[key] += copied.stats[key];
  }
  // files that could not be read because the host is gone are no files left out
  if (incomplete && (await noticeLoss(host.clock, lost))) throw lost.reason;
  return { totals, incomplete };
}
