/** The two looks of a restore with --delete: the removing before anything is copied, and what has stayed when all is there. */

import { Item_Action } from "../../proto/gen/luksmith/v1/types.ts";
import type { RunContext } from "../runs/context.ts";
import type { Host } from "../system/host.ts";
import { withWarming } from "../warm/warming.ts";
import { type Removal, removeExtra } from "./deletion.ts";
import type { RestoreBegun } from "./request.ts";

type Removing = Omit<Removal, "onExtra" | "onKept">;

export interface Removed {
  readonly count: number;
  /** Nothing is there that the snapshot has not. */
  readonly isCertain: boolean;
}

/** @param warmed the device, and what of the snapshot is looked through */
export async function removeFirst(
  host: Host,
  removing: Removing,
  warmed: { readonly device: string; readonly starts: readonly Buffer[] },
  begun: RestoreBegun,
  run: RunContext,
  signal: AbortSignal,
): Promise<Removed> {
  if (removing.roots.length === 0 || begun.isRemoved) return { count: 0, isCertain: true };
  let count = 0;
  const onExtra = (path: Buffer) => {
    count += 1;
    run.item({ action: Item_Action.DELETE, path, size: 0 });
  };
  const spec = { ...removing, onExtra, onKept: run.warn };
  const { isCertain } = await run.step("remove", () =>
    withWarming(host, { ...warmed, files: false }, signal, () => removeExtra(host.exec, spec, signal)),
  );
  begun.isRemoved = isCertain;
  return { count, isCertain };
}

/**
 * When the removing was not certain: what was of another type is so no more, and what is there now is what could not be removed.
 * @param copied whether all of the snapshot could be read @returns whether something stays
 */
export async function tellWhatStays(
  host: Host,
  removing: Removing,
  { isCertain }: Removed,
  copied: { readonly incomplete: boolean },
  run: RunContext,
  signal: AbortSignal,
): Promise<boolean> {
  if (isCertain) return false;
  if (copied.incomplete) {
    run.warn("what is not in the snapshot may still be there: not all of the snapshot could be read");
    return true;
  }
  if (removing.dryRun) return false;
  let stays = false;
  const onExtra = (path: Buffer) => {
    stays = true;
    run.warn("is not in the snapshot, and could not be removed", path);
  };
  await removeExtra(host.exec, { ...removing, dryRun: true, onExtra, onKept: () => undefined }, signal);
  return stays;
}
