/** What each snapshot takes on the volume, and what of that no other has. */

import { join } from "node:path";
import { LuksmithError } from "../../common/errors.ts";
import { type Command, lastWords } from "../../common/exec.ts";
import { showName } from "../../common/file-name.ts";
import { formatBytes, plural } from "../../common/units.ts";
import { SnapshotSize } from "../../proto/gen/luksmith/v1/looking.ts";
import { type FilesystemType, filesystemKinds } from "../filesystem/kind.ts";
import type { RunContext, RunResult } from "../runs/context.ts";
import { partialName } from "../snapshots/name.ts";
import type { Attached } from "../stack/attach.ts";
import { withView } from "../stack/view.ts";
import type { Host } from "../system/host.ts";
import { wholeVolumeDeadlineMs } from "../tools/deadlines.ts";
import { RecordSplitter } from "../tools/record-splitter.ts";
import { sorted } from "../tools/sort.ts";
import { noticeLoss } from "../transport/transport.ts";
import { withWarming } from "../warm/warming.ts";
import { typeAt } from "./at-path.ts";
import { InodeUse, sharedFormat, singleFormat, singleTest, type Use } from "./inode-use.ts";
import { findStart } from "./sortable-path.ts";
import { unseen } from "./tree.ts";

export interface MeasureOptions {
  readonly filesystem: FilesystemType;
  /** Relative to each snapshot; empty for all of it, which is counted whole: its figures name nobody's files. */
  readonly path: Buffer;
  /** Whose eyes count what is at `path`. */
  readonly as: Command["as"];
}

/** @throws {LuksmithError} "not_found" when no snapshot has the path */
export async function measure(
  host: Host,
  job: string,
  attached: Attached,
  options: MeasureOptions,
  run: RunContext,
  send: (size: SnapshotSize) => Promise<void>,
): Promise<RunResult> {
  const { filesDir, entries, device, signal, lost } = attached;
  const { path } = options;
  const as = path.length === 0 ? undefined : options.as;
  // what an unfinished one has of a path may not have its owner and mode yet
  const counted = entries.filter(({ partial }) => !partial || path.length === 0);
  if (counted.length === 0) {
    throw new LuksmithError("not_found", `job ${job} has no snapshot`, { hint: `luksmith backup ${job}` });
  }
  const directories = counted.map(({ name, partial }) => join(filesDir, job, partial ? partialName(name) : name));
  const starts = directories.map((directory) => Buffer.concat([Buffer.from(`${directory}/`), path]));
  const found = await run.step("count", () =>
    withWarming(host, { device, starts, files: false }, signal, () =>
      countAll(host, directories, { ...options, as }, signal),
    ),
  );
  if (found.incomplete && (await noticeLoss(host.clock, lost))) throw lost.reason;
  if (found.incomplete) run.warn(unseen(as, "what is in them is not counted"));
  if (found.present === 0) {
    throw new LuksmithError("not_found", `no snapshot has ${showName(path)}`, { hint: `luksmith ls ${job}` });
  }
  for (const [place, { name, partial }] of counted.entries()) {
    const use = found.perSnapshot[place];
    if (use !== undefined) await send(SnapshotSize.create({ snapshot: name, partial, ...use }));
  }
  const { together } = found;
  if (together !== undefined) await send(SnapshotSize.create({ bytes: together, ownBytes: together }));
  return {
    state: found.incomplete ? "incomplete" : "done",
    summary: `${plural(counted.length, "snapshot")}${together === undefined ? "" : `, ${formatBytes(together)} together`}`,
  };
}

interface Counted {
  readonly perSnapshot: readonly Use[];
  /** Unknown where what they share cannot be seen in their inodes. */
  readonly together: number | undefined;
  /** How many snapshots have the path. */
  readonly present: number;
  readonly incomplete: boolean;
}

async function countAll(
  host: Host,
  directories: readonly string[],
  { filesystem, path, as }: MeasureOptions,
  signal: AbortSignal,
): Promise<Counted> {
  const { exec } = host;
  const { useOfTree } = filesystemKinds[filesystem];
  const inodes = new InodeUse(directories.length);
  const byKind = new Map<number, Use>();
  const feed = async (give: (piece: Buffer) => Promise<void>, within: AbortSignal) => {
    let [present, incomplete] = [0, false];
    for (const [place, directory] of directories.entries()) {
      await withView(host, directory, as, within, async (cwd) => {
        if ((await typeAt(exec, { cwd, path, as }, within)) === undefined) return;
        present += 1;
        const use = await useOfTree?.(exec, { cwd, path, as }, within);
        if (use !== undefined) {
          byKind.set(place, use);
          return;
        }
        const splitter = new RecordSplitter(0);
        const finished = await exec({
          file: "find",
          args: [
            ...["-files0-from", "-", "-xdev"],
            ...[...singleTest, "-printf", singleFormat, "-o", "-printf", sharedFormat(place)],
          ],
          cwd,
          stdin: findStart(path),
          as,
          deadlineMs: wholeVolumeDeadlineMs,
          signal: within,
          onStdout: async (chunk) => {
            const records = splitter.push(chunk).map((record) => record.toString("latin1"));
            const shared = records.filter((record) => !inodes.takesSingle(record, place));
            if (shared.length > 0) await give(Buffer.from(shared.map((record) => `${record}\0`).join(""), "latin1"));
          },
        });
        if (finished.exitCode > 1) {
          throw new LuksmithError("tool_failed", `counting failed: ${lastWords(finished)}`, { cause: finished });
        }
        incomplete ||= finished.exitCode === 1;
      });
    }
    return { present, incomplete };
  };
  const take = async (records: readonly Buffer[]) => {
    for (const record of records) inodes.push(record.toString("latin1"));
  };
  const { present, incomplete } = await sorted(host, { feed, take }, signal);
  inodes.flush();
  const perSnapshot = inodes.perSnapshot.map((use, place) => byKind.get(place) ?? use);
  return { perSnapshot, together: byKind.size > 0 ? undefined : inodes.together, present, incomplete };
}
