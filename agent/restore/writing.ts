/** The writing of a restore, when all is known and nothing is in its way. */

import { LuksmithError } from "../../common/errors.ts";
import { type Command, type Exec, lastWords } from "../../common/exec.ts";
import { formatBytes, plural } from "../../common/units.ts";
import type { RunContext, RunResult } from "../runs/context.ts";
import type { Attached } from "../stack/attach.ts";
import { bootId } from "../system/boot-id.ts";
import type { Host } from "../system/host.ts";
import { volumeDeadlineMs } from "../tools/deadlines.ts";
import { copyBatches, type RestoreTotals } from "./copying.ts";
import type { DeletionPlan } from "./deletion-plan.ts";
import { inSnapshot } from "./paths.ts";
import type { RestoreBatch } from "./plan.ts";
import type { Remembering } from "./remembering.ts";
import { removeFirst, tellWhatStays } from "./removing.ts";
import type { RestoreOptions } from "./request.ts";
import type { BothSides, Places } from "./sides.ts";
import { finishUnderWay, underWayName } from "./under-way.ts";
import type { UnfinishedRestore } from "./unfinished.ts";

export interface Writing {
  readonly options: Pick<RestoreOptions, "begun" | "delete" | "dryRun" | "overwrite">;
  readonly snapshot: string;
  /** The snapshot by root's path to it. */
  readonly directory: string;
  /** As they are known: `into` is where people find it. */
  readonly places: Places;
  /** Relative; empty for everything. */
  readonly asked: readonly Buffer[];
  readonly sides: BothSides;
  readonly deletion: DeletionPlan;
  readonly batches: readonly RestoreBatch[];
  readonly goesOn: UnfinishedRestore | undefined;
  readonly remembering: Remembering;
}

/** @param at where the target is written to: its own path, or another to the same */
export async function writeRestore(
  host: Host,
  attached: Attached,
  writing: Writing,
  at: string,
  run: RunContext,
): Promise<RunResult> {
  const { options, directory, sides, deletion, batches, remembering } = writing;
  const { begun, dryRun, overwrite } = options;
  const { device, signal } = attached;
  const places = { ...writing.places, into: at };
  const aside = await begin(host, attached, writing, places, run);
  begun.nothingInTheWay = true;
  if (!sides.targetIsThere && !dryRun) await makeTarget(host.exec, places, signal);
  const removing = { ...places, roots: deletion.roots, dryRun };
  const looked = { device, starts: inSnapshot(directory, sides.wanted.paths) };
  const removed = await removeFirst(host, removing, looked, begun, run, signal);
  const { present } = sides;
  const copying = {
    ...{ ...places, named: writing.places.into, batches, directory, present },
    ...{ dryRun, force: deletion.force, aside },
  };
  const copied = await run.step(dryRun ? "compare" : "copy", () => copyBatches(host, attached, copying, run));
  const stays = await tellWhatStays(host, removing, removed, copied, run, signal);
  if (!overwrite && !dryRun) await remembering.end(run);
  return {
    state: copied.incomplete || stays ? "incomplete" : "done",
    snapshot: writing.snapshot,
    summary: summaryOf(writing, copied.totals, removed.count),
    totals: copied.totals,
  };
}

/**
 * Finishes what was under way when the same command was cut short, and remembers that it is on.
 * @returns the name of the directories that hold what comes of a file; undefined when it is not remembered
 */
async function begin(
  host: Host,
  { lost, signal }: Attached,
  { options, snapshot, asked, sides, goesOn, remembering }: Writing,
  places: Places,
  run: RunContext,
): Promise<string | undefined> {
  if (options.dryRun) return undefined;
  const boot = await bootId();
  if (goesOn !== undefined) {
    const before = { asked, aside: goesOn.aside, isReliable: goesOn.boot === boot, lost };
    await finishUnderWay(host, places, before, run, signal);
  }
  if (options.overwrite) return undefined;
  const record = goesOn ?? { snapshot, present: sides.present, aside: underWayName() };
  return (await remembering.begin({ ...record, boot }, run)) ? record.aside : undefined;
}

/** @throws {LuksmithError} "usage" when it cannot be made, or is there and no directory */
async function makeTarget(
  exec: Exec,
  { into, as }: { into: string; as: Command["as"] },
  signal: AbortSignal,
): Promise<void> {
  const args = ["--parents", "--", into];
  const made = await exec({ file: "mkdir", args, brief: true, deadlineMs: volumeDeadlineMs, signal, as });
  if (made.exitCode === 0) return;
  throw new LuksmithError("usage", `the target directory cannot be made: ${lastWords(made)}`, { cause: made });
}

function summaryOf({ options, snapshot, places }: Writing, totals: RestoreTotals, removed: number): string {
  const { filesCopied, bytes, bytesCopied } = totals;
  const verb = options.dryRun ? "would restore" : "restored";
  const there = bytes > bytesCopied ? ` (${formatBytes(bytes - bytesCopied)} were there already)` : "";
  const gone = options.delete ? `; ${options.dryRun ? "would remove" : "removed"} ${removed} that are not in it` : "";
  return `${verb} ${plural(filesCopied, "file")}, ${formatBytes(bytesCopied)}, of snapshot ${snapshot} to ${places.into}${there}${gone}`;
}
