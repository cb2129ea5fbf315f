/** The work of runs that list what is in a volume, for whoever asked. */

import { join } from "node:path";
import type { Command } from "../../common/exec.ts";
import { plural } from "../../common/units.ts";
import type { FileEntry, Snapshot } from "../../proto/gen/luksmith/v1/types.ts";
import type { JobConfig } from "../config/job.ts";
import { OwnerNames } from "../look/owner-names.ts";
import { ancestors, requireNoLinkAbove } from "../restore/paths.ts";
import type { RunWork } from "../runs/context.ts";
import { listSnapshots } from "../snapshots/list.ts";
import { selectSnapshot } from "../snapshots/select.ts";
import { withVolume } from "../stack/attach.ts";
import { withView } from "../stack/view.ts";
import { existing } from "../tools/existing.ts";
import { walk } from "../tools/find.ts";
import { noticeLoss } from "../transport/transport.ts";
import { targetOf } from "../volume/target.ts";
import { withWarming } from "../warm/warming.ts";
import type { Machine } from "./machine.ts";

type Taken<Found> = (found: Found) => Promise<void>;

/** @throws {LuksmithError} "not_found" when the volume was not created on this machine */
export async function snapshotsOf(
  { host, config, pins }: Machine,
  { volume, jobs, acceptRollback }: { volume: string; jobs: readonly string[]; acceptRollback: boolean },
  take: Taken<Snapshot>,
): Promise<RunWork> {
  const target = await targetOf(config, pins, volume);
  const attach = { mode: "read", acceptRollback } as const;
  return async (run) => {
    const snapshots = await withVolume(host, pins, target, attach, run, ({ filesDir, signal }) =>
      listSnapshots(host, filesDir, jobs, signal),
    );
    for (const snapshot of snapshots) await take(snapshot);
    return { state: "done", summary: plural(snapshots.length, "snapshot") };
  };
}

export interface FilesAsked {
  /** Empty: the newest. */
  readonly snapshot: string;
  /** Within the snapshot: {@link snapshotPath}. */
  readonly path: Buffer;
  readonly recursive: boolean;
  readonly acceptRollback: boolean;
  readonly as: Command["as"];
}

/** @throws {LuksmithError} "not_found" when the volume was not created on this machine */
export async function filesOf(
  { host, config, pins }: Machine,
  job: JobConfig,
  { snapshot: asked, path, recursive, acceptRollback, as }: FilesAsked,
  take: Taken<FileEntry>,
): Promise<RunWork> {
  const target = await targetOf(config, pins, job.volume);
  const attach = { mode: "read", acceptRollback, job: job.name } as const;
  return (run) =>
    withVolume(host, pins, target, attach, run, async ({ filesDir, entries, device, signal, lost }) => {
      const snapshot = selectSnapshot(entries, job.name, asked);
      let count = 0;
      const owners = new OwnerNames(host.exec, signal);
      const snapshotDir = join(filesDir, job.name, snapshot.name);
      const list = () =>
        withView(host, snapshotDir, as, signal, async (cwd) => {
          requireNoLinkAbove([path], await existing(host.exec, { cwd, paths: ancestors(path), as }, signal));
          return walk(
            host.exec,
            { cwd, path, recursive, as },
            async (entry) => {
              count += 1;
              await owners.addTo(entry);
              await take(entry);
            },
            signal,
          );
        });
      // one directory has nothing that could be read ahead
      const starts = recursive ? [Buffer.concat([Buffer.from(`${snapshotDir}/`), path])] : [];
      const { incomplete } = await run.step("list", () =>
        withWarming(host, { device, starts, files: false }, signal, list),
      );
      if (incomplete && (await noticeLoss(host.clock, lost))) throw lost.reason;
      if (incomplete) run.warn("some directories could not be looked into: they are closed to you");
      return {
        state: incomplete ? "incomplete" : "done",
        summary: plural(count, "entry", "entries"),
        snapshot: snapshot.name,
      };
    });
}
