/** One call of rsync(1) for what goes below one directory. */

import type { Command, Exec, Running } from "../../common/exec.ts";
import { Item_Action } from "../../proto/gen/luksmith/v1/types.ts";
import { copyProgress } from "../backup/copy-progress.ts";
import type { RunContext } from "../runs/context.ts";
import type { Host } from "../system/host.ts";
import { archiveArgs, type CopyResult, copy } from "../tools/rsync.ts";
import { itemAction, itemFormat, parseItem, pathWithin } from "../tools/rsync-output.ts";
import { ancestors, joinPath, partsOf } from "./paths.ts";
import { filesFrom, type RestoreBatch } from "./plan.ts";

/** Of what differs: somebody who has changed more than that knows. */
const mostTold = 1000;

/** Of what is to be brought, as names: many thousands of them. */
const mostBroughtBytes = 4 * 2 ** 20;

export interface BatchCopy {
  /** The snapshot, as the caller may see it. */
  readonly from: string;
  readonly into: string;
  /** As people know that place. Default: by the same path. */
  readonly named?: string;
  readonly batch: RestoreBatch;
  readonly as: Command["as"];
}

function batchArgs({ into, batch }: BatchCopy, more: readonly string[]): string[] {
  const below = Buffer.concat([Buffer.from(`${into}/`), batch.below]).toString("utf8");
  // by its working directory, not its path: a user's rsync could not walk through the directories above it
  return [...archiveArgs, "--recursive", "--from0", "--files-from=-", ...more, "--", "./", `${below}/`];
}

export function copyBatch(
  { exec, clock }: Pick<Host, "exec" | "clock">,
  spec: BatchCopy & {
    readonly dryRun: boolean;
    readonly force: boolean;
    /** Where what had come of a file is kept, when the copy is cut short: a directory's name, beside the file. */
    readonly aside: string | undefined;
    readonly onStart: (running: Running) => void;
  },
  run: RunContext,
  signal: AbortSignal,
): Promise<CopyResult> {
  const { from, batch, as, dryRun, force, aside, onStart } = spec;
  const more = [
    // a line for each file would cost more than many a file itself: only where the lines are the answer
    ...(dryRun ? ["--dry-run", `--out-format=${itemFormat}`] : []),
    // a directory with something in it gives way to a file
    ...(force ? ["--force"] : []),
    ...(aside === undefined ? [] : [`--partial-dir=${aside}`]),
  ];
  const onLine = (line: Buffer) => {
    const item = parseItem(line);
    const action = item && itemAction(item.changes);
    if (item && action !== undefined) run.item({ action, path: item.path, size: item.size });
  };
  return copy(
    exec,
    {
      args: batchArgs(spec, more),
      cwd: from,
      stdin: filesFrom(batch),
      as,
      onStart,
      onLine,
      onProgress: copyProgress(clock, run, "copy"),
      onComplaint: (message, path) => run.warn(message, path && asNamed(path, spec)),
    },
    signal,
  );
}

function asNamed(path: Buffer, { into, named = into }: BatchCopy): Buffer {
  const isBelow = path.subarray(0, into.length + 1).equals(Buffer.from(`${into}/`));
  return isBelow ? Buffer.concat([Buffer.from(named), path.subarray(into.length)]) : path;
}

/**
 * What a copy of it would bring: files, and directories that are not there at all for all that is in them. Relative to the snapshot.
 */
export async function toBeBrought(exec: Exec, spec: BatchCopy, signal: AbortSignal): Promise<Buffer[]> {
  const { from, batch, as } = spec;
  const found = new Map<string, Buffer>();
  let bytes = 0;
  const onLine = (line: Buffer) => {
    const item = parseItem(line);
    const within = item && isBringing(item.changes) ? pathWithin(item) : undefined;
    if (within === undefined || bytes > mostBroughtBytes) return;
    const path = joinPath([batch.below, within].flatMap(partsOf));
    if (ancestors(path).some((above) => found.has(above.toString("latin1")))) return;
    found.set(path.toString("latin1"), path);
    bytes += path.length;
  };
  const args = batchArgs(spec, ["--dry-run", `--out-format=${itemFormat}`]);
  await copy(exec, { args, cwd: from, stdin: filesFrom(batch), as, onLine, onComplaint: () => undefined }, signal);
  return [...found.values()];
}

/** Pure. Source: rsync(1), --itemize-changes: a file's content comes, or a directory is made. */
function isBringing(changes: string): boolean {
  return changes.startsWith(">f") || changes.startsWith("cd+");
}

/** What is there, and is not what the snapshot has of that name. Of attributes alone nothing is said. */
export async function differingThere(exec: Exec, spec: BatchCopy, signal: AbortSignal): Promise<Buffer[]> {
  const found: Buffer[] = [];
  const onLine = (line: Buffer) => {
    const item = parseItem(line);
    const action = item && itemAction(item.changes);
    // of another type, it would have to be made anew
    if (found.length < mostTold && item && (action === Item_Action.ADD || action === Item_Action.CHANGE)) {
      found.push(item.path);
    }
  };
  const args = batchArgs(spec, ["--dry-run", "--existing", `--out-format=${itemFormat}`]);
  const quietly = { onLine, onComplaint: () => undefined };
  await copy(exec, { args, cwd: spec.from, stdin: filesFrom(spec.batch), as: spec.as, ...quietly }, signal);
  return found;
}
