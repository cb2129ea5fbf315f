/** A job's directory as on a volume, and what a verb is given to look into it. */

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { RunContext } from "../../../agent/runs/context.ts";
import { snapshotEntries } from "../../../agent/snapshots/entries.ts";
import type { Attached } from "../../../agent/stack/attach.ts";
import type { Host } from "../../../agent/system/host.ts";
import { systemClock } from "../../../common/clock.ts";
import { makeExec } from "../../../common/exec.ts";
import { makeLog } from "../../../common/log.ts";
import { scratch } from "../tools/scratch.ts";

export const names = ["2026-11-21T02-00-00Z", "2026-11-22T02-00-00Z", "2026-11-23T02-00-00Z"] as const;

export interface Looked {
  readonly host: Host;
  readonly attached: Attached;
  readonly run: RunContext;
  readonly warnings: string[];
  /** In the snapshot of this place. */
  at(place: 0 | 1 | 2, ...path: string[]): string;
}

export function makeSnapshots(context: TestContext): Looked {
  const filesDir = scratch(context);
  for (const name of names) mkdirSync(join(filesDir, "docs", name), { recursive: true });
  const host: Host = {
    ...makeExec(),
    clock: systemClock,
    log: makeLog("test", "fatal"),
    runtimeDir: join(filesDir, "run"),
    stateDir: join(filesDir, "state"),
  };
  const warnings: string[] = [];
  const attached = {
    filesDir,
    entries: snapshotEntries(
      names.map((name) => ({ name, type: "d", leadsTo: "" })),
      systemClock.now(),
    ),
    // no block device, so that nothing is read ahead
    device: "/dev/null",
    signal: new AbortController().signal,
    lost: new AbortController().signal,
  } as unknown as Attached;
  const run = {
    step: (_name: string, work: () => Promise<unknown>) => work(),
    warn: (message: string) => void warnings.push(message),
    note: () => undefined,
    item: () => undefined,
    progress: () => undefined,
    caller: { uid: 0, name: "root" },
  } as unknown as RunContext;
  return { host, attached, run, warnings, at: (place, ...path) => join(filesDir, "docs", names[place], ...path) };
}
