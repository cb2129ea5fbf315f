/** What a restore with --delete makes equal to the snapshot, and what it is refused for. Nothing is removed here. */

import { LuksmithError } from "../../common/errors.ts";
import type { JobConfig } from "../config/job.ts";
import type { RunContext } from "../runs/context.ts";
import { readRecords } from "../snapshots/record.ts";
import type { Attached } from "../stack/attach.ts";
import type { Host } from "../system/host.ts";
import {
  alsoReal,
  deletionRoots,
  hasMountsBelow,
  realPaths,
  requireDeletable,
  requireNotEmpty,
  requireTaken,
} from "./deletion.ts";
import type { BothSides, Places } from "./sides.ts";

export interface DeletionPlan {
  /** As {@link deletionRoots} gives them; none when nothing is to be removed. */
  readonly roots: readonly Buffer[];
  /** A directory with something in it gives way to a file. */
  readonly force: boolean;
}

export const nothingToDelete: DeletionPlan = { roots: [], force: false };

/** What was not read when the snapshot was made would be removed. @throws {LuksmithError} "usage" */
export async function requireWhole(
  host: Host,
  { filesDir, signal }: Attached,
  job: JobConfig,
  snapshot: string,
  run: RunContext,
): Promise<void> {
  const records = await readRecords(host.exec, filesDir, job.name, signal);
  if (records.get(snapshot)?.incomplete !== false) {
    throw new LuksmithError(
      "usage",
      `snapshot ${snapshot} is incomplete, or nothing is recorded of it: --delete would remove what could not be read`,
      {
        hint: `luksmith snapshots ${job.name} shows others; without --delete nothing is removed`,
      },
    );
  }
  if (job.exclude.length > 0) run.note("what the job excludes is in no snapshot: --delete removes it as well");
}

/**
 * @param own absolute: what of luksmith itself must not be removed
 * @throws {LuksmithError} "usage"
 */
export async function planDeletion(
  host: Host,
  job: JobConfig,
  { filesDir, signal }: Attached,
  { snapshot, places, sides, own }: { snapshot: string; places: Places; sides: BothSides; own: readonly string[] },
): Promise<DeletionPlan> {
  const { wanted, targetIsThere, present } = sides;
  const { from, into, as } = places;
  if (wanted.whole && wanted.paths.length === 0) {
    throw new LuksmithError("usage", `snapshot ${snapshot} is empty: --delete would remove everything`);
  }
  if (!targetIsThere) return { roots: [], force: !(await hasMountsBelow(into)) };
  const roots = deletionRoots(wanted.whole, wanted.paths, wanted.found, present);
  if (roots.length > 0) {
    const absolute = roots.map((root) => Buffer.concat([Buffer.from(`${into}/`), root]));
    const real = await realPaths(host.exec, { paths: absolute, as }, signal);
    requireDeletable(real, await alsoReal(own));
    const { sources } = (await readRecords(host.exec, filesDir, job.name, signal)).get(snapshot) ?? job;
    requireTaken(roots, sources);
    await requireNotEmpty(host.exec, { from, roots, as }, signal);
  }
  // rsync would go into what is mounted below: --force does not know of --one-file-system
  const [realTarget = into] = await realPaths(host.exec, { paths: [Buffer.from(into)], as }, signal);
  return { roots, force: !(await hasMountsBelow(realTarget)) };
}
