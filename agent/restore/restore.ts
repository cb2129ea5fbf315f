/** Bringing files back: never over what is there, unless that was asked for; as the user who asks. */

import { join } from "node:path";
import type { JobConfig } from "../config/job.ts";
import type { RunContext, RunResult } from "../runs/context.ts";
import { selectSnapshot } from "../snapshots/select.ts";
import { type Attached, withVolume } from "../stack/attach.ts";
import { onceCancelled } from "../stack/silent-filesystems.ts";
import type { Target } from "../stack/stack.ts";
import { withView } from "../stack/view.ts";
import type { Host } from "../system/host.ts";
import type { PinStore } from "../volume/pin.ts";
import { withWarming } from "../warm/warming.ts";
import { nothingToDelete, planDeletion, requireWhole } from "./deletion-plan.ts";
import { cutShort, requireUnchanged, wouldOverwrite } from "./going-on.ts";
import { withGuardedTarget } from "./guarded-target.ts";
import { inSnapshot, snapshotPath, withoutNested } from "./paths.ts";
import { planRestore } from "./plan.ts";
import { Remembering } from "./remembering.ts";
import { type RestoreOptions, requireTarget } from "./request.ts";
import { lookAtBothSides } from "./sides.ts";
import { writeRestore } from "./writing.ts";

export async function restore(
  host: Host,
  pins: PinStore,
  job: JobConfig,
  target: Target,
  options: RestoreOptions,
  run: RunContext,
): Promise<RunResult> {
  requireTarget(options.target);
  options.paths.forEach(snapshotPath);
  const attach = { mode: "read", acceptRollback: options.acceptRollback, job: job.name } as const;
  return withVolume(host, pins, target, attach, run, (attached) => restoreFrom(host, job, attached, options, run));
}

/** From an attached volume. */
export async function restoreFrom(
  host: Host,
  job: JobConfig,
  attached: Attached,
  options: RestoreOptions,
  run: RunContext,
): Promise<RunResult> {
  const into = requireTarget(options.target);
  const asked = withoutNested(options.paths.map(snapshotPath));
  const { begun, as, dryRun, overwrite, own } = options;
  const { signal } = attached;
  const command = { job: job.name, snapshot: options.snapshot, target: Buffer.from(into), paths: asked };
  const remembering = new Remembering(host.stateDir, { ...command, uid: run.caller.uid });
  const goesOn = overwrite ? undefined : await cutShort(host, remembering, { into, as }, attached);
  const wanted = goesOn?.snapshot ?? begun.snapshot ?? options.snapshot;
  const { name: snapshot } = selectSnapshot(attached.entries, job.name, wanted);
  if (options.delete) await requireWhole(host, attached, job, snapshot, run);
  begun.snapshot = snapshot;
  const directory = join(attached.filesDir, job.name, snapshot);
  return withView(host, directory, as, signal, async (from) => {
    using _ = as === undefined ? undefined : onceCancelled(host, from, as.uid, signal);
    const places = { from, into, as };
    const sides = await lookAtBothSides(host, places, asked, signal);
    const { paths } = sides.wanted;
    const { batches, conflicts } = planRestore(paths, goesOn?.present ?? sides.present);
    const deletion = options.delete
      ? await planDeletion(host, job, attached, { snapshot, places, sides, own })
      : nothingToDelete;
    if (goesOn !== undefined) {
      run.note(`going on with a restore of snapshot ${snapshot} that was cut short`);
      const looked = { device: attached.device, starts: inSnapshot(directory, paths), files: false };
      await withWarming(host, looked, signal, () => requireUnchanged(host, places, batches, signal));
    } else if (!overwrite && !begun.nothingInTheWay && conflicts.length > 0) {
      throw wouldOverwrite(into, conflicts);
    }
    const writing = { options, snapshot, directory, places, asked, sides, deletion, batches, goesOn, remembering };
    const write = (at: string) => writeRestore(host, attached, writing, at, run);
    return await (as !== undefined || dryRun ? write(into) : withGuardedTarget(host, { into, paths }, signal, write));
  });
}
