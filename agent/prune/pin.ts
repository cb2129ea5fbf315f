/** Pinning a snapshot, so that no rule removes it, and unpinning it. */

import { LuksmithError } from "../../common/errors.ts";
import type { JobConfig } from "../config/job.ts";
import type { RunContext, RunResult } from "../runs/context.ts";
import { longestNote, readPinned, writePinned } from "../snapshots/pinned.ts";
import { selectSnapshot } from "../snapshots/select.ts";
import { withVolume } from "../stack/attach.ts";
import type { Target } from "../stack/stack.ts";
import type { Host } from "../system/host.ts";
import { syncFilesystem } from "../tools/sync.ts";
import type { PinStore } from "../volume/pin.ts";

export interface PinOptions {
  /** As {@link selectSnapshot} understands it. */
  readonly snapshot: string;
  /** Why it is kept; undefined takes the pin away. */
  readonly note: string | undefined;
}

/** @throws {LuksmithError} "usage" for a note that nobody could show in a line */
export function requireNote(note: string): void {
  if (note.length <= longestNote && !/\p{Cc}/u.test(note)) return;
  throw new LuksmithError("usage", `a note is one line of at most ${longestNote} characters`);
}

/** @throws {LuksmithError} "not_found" when there is no such snapshot, or it is not pinned */
export async function pinSnapshot(
  host: Host,
  pins: PinStore,
  job: JobConfig,
  target: Target,
  { snapshot, note }: PinOptions,
  run: RunContext,
): Promise<RunResult> {
  const attach = { mode: "write", acceptRollback: false, job: job.name } as const;
  return withVolume(host, pins, target, attach, run, async ({ entries, filesDir, signal, recordGeneration }) => {
    const { exec } = host;
    const { name } = selectSnapshot(entries, job.name, snapshot);
    const pinned = await readPinned(exec, filesDir, job.name, signal);
    const before = pinned.get(name);
    const result = (summary: string): RunResult => ({ state: "done", summary, snapshot: name });
    if (note === undefined && before === undefined) return result(`snapshot ${name} was not pinned`);
    if (note !== undefined && before === note) return result(`snapshot ${name} is pinned already`);
    const existing = new Map(
      [...pinned].filter(([one]) => entries.some((entry) => !entry.partial && entry.name === one)),
    );
    if (note === undefined) existing.delete(name);
    else existing.set(name, note);
    await writePinned(exec, filesDir, job.name, existing, signal);
    await recordGeneration();
    await syncFilesystem(exec, filesDir, signal);
    return result(`snapshot ${name} is ${note === undefined ? "no longer pinned" : "pinned: no rule removes it"}`);
  });
}
