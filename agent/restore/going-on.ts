/** Whether a restore goes on with one that was cut short, and what is in its way. */

import { LuksmithError } from "../../common/errors.ts";
import type { Command, Exec } from "../../common/exec.ts";
import { showName } from "../../common/file-name.ts";
import type { Attached } from "../stack/attach.ts";
import type { Host } from "../system/host.ts";
import { volumeDeadlineMs } from "../tools/deadlines.ts";
import { existing } from "../tools/existing.ts";
import { differingThere } from "./batch.ts";
import type { RestoreBatch } from "./plan.ts";
import type { Remembering } from "./remembering.ts";
import { besidePath } from "./under-way.ts";
import { isAsItWas, type UnfinishedRestore } from "./unfinished.ts";

const shownConflicts = 10;

/** What the same command has begun, if its snapshot and something of what it brought are there. */
export async function cutShort(
  { exec }: Host,
  remembering: Remembering,
  { into, as }: { into: string; as: Command["as"] },
  { entries, signal }: Attached,
): Promise<UnfinishedRestore | undefined> {
  const before = await remembering.before();
  if (before === undefined || !entries.some(({ name, partial }) => name === before.snapshot && !partial))
    return undefined;
  if (!(await isDirectory(exec, into, as, signal))) return undefined;
  const asked = remembering.command.paths.map((path) => Buffer.from(path));
  // of one file that was asked for, nothing may be there but what lies beside it
  const brought = asked.flatMap((path) => [path, besidePath(path, before.aside)]);
  const paths = [...brought, ...before.present.map(({ path }) => path)];
  const there = await existing(exec, { below: into, paths, as }, signal);
  const names = new Set(brought.map((path) => path.toString("latin1")));
  const isBegun = asked.length === 0 || there.some(({ path }) => names.has(path.toString("latin1")));
  return isBegun && isAsItWas(before, there) ? before : undefined;
}

export async function isDirectory(exec: Exec, path: string, as: Command["as"], signal: AbortSignal): Promise<boolean> {
  const test = { file: "test", args: ["-d", path], brief: true, deadlineMs: volumeDeadlineMs, signal, as };
  return (await exec(test)).exitCode === 0;
}

/** Whoever has changed a file since the restore that was cut short keeps it. @throws {LuksmithError} "exists" */
export async function requireUnchanged(
  host: Host,
  where: { from: string; into: string; as: Command["as"] },
  batches: readonly RestoreBatch[],
  signal: AbortSignal,
): Promise<void> {
  const changed: Buffer[] = [];
  for (const batch of batches) changed.push(...(await differingThere(host.exec, { ...where, batch }, signal)));
  if (changed.length === 0) return;
  throw new LuksmithError("exists", `changed in ${where.into} since the restore was cut short: ${listed(changed)}`, {
    hint: "nothing was written; move them away and type it again, or add --overwrite",
  });
}

export function wouldOverwrite(into: string, conflicts: readonly Buffer[]): LuksmithError {
  return new LuksmithError("exists", `these are there already in ${into}: ${listed(conflicts)}`, {
    hint: "nothing was written; restore into an empty directory, or add --overwrite",
  });
}

function listed(paths: readonly Buffer[]): string {
  const names = paths.slice(0, shownConflicts).map((path) => showName(path));
  return `${names.join(", ")}${paths.length > shownConflicts ? `, and ${paths.length - shownConflicts} more` : ""}`;
}
