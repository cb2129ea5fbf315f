/**
 * A new snapshot of a user's job, where files are shared by hard links. What the user's own program can write to must be shared with no
 * finished snapshot: its files are the user's, who could write to them there too. So it brings, to a directory of its own, what the
 * newest snapshot does not have as it is (--compare-dest), and says of the rest that it is there. When nobody is in that directory any
 * more, root makes the snapshot of links: to what was brought, and to what the newest snapshot has.
 *
 * Root's part reads nothing of the machine, follows no links (the volume is mounted so), and of the program's words it takes names: those
 * that are not in the one tree or the other name nothing.
 */

import { createWriteStream, type WriteStream } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { LuksmithError } from "../../common/errors.ts";
import { mustRun } from "../../common/exec.ts";
import type { RunContext } from "../runs/context.ts";
import type { Host } from "../system/host.ts";
import { volumeDeadlineMs } from "../tools/deadlines.ts";
import { removeTree } from "../tools/remove-tree.ts";
import { archiveArgs, type CopyResult, type CopySpec, copy } from "../tools/rsync.ts";
import { itemAction, itemFormat, parseItem, pathWithin, type RsyncItem } from "../tools/rsync-output.ts";
import { lookEveryBytes, requireRoomForNames, spillDirectory } from "../tools/sort.ts";
import { ownDirectory } from "../volume/identity.ts";
import { copyProgress } from "./copy-progress.ts";
import { copyArgs, deletingArgs } from "./selection.ts";
import { copyFromSource } from "./source-copy.ts";
import type { SourcedJob } from "./sourced-job.ts";
import { withWriteBehind } from "./write-behind.ts";

export interface AssembledCopySpec {
  readonly job: SourcedJob & { readonly as: NonNullable<SourcedJob["as"]> };
  /** Of rsync: what is taken, and what is not. */
  readonly selection: readonly string[];
  readonly filesDir: string;
  /** Absolute path of the directory that the user's program writes to: the user's, and empty or gone on with. */
  readonly partial: string;
  readonly isEmpty: boolean;
  /** Absolute path of the newest finished snapshot. */
  readonly base: string | undefined;
  readonly onComplaint: CopySpec["onComplaint"];
  /** What was written before then, in milliseconds since 1970, is on the backup host's disk. */
  readonly onSettled: (beganMs: number) => void;
}

export interface Assembled extends CopyResult {
  /** The whole snapshot: `partial`, where nothing else was needed, or another directory. */
  readonly tree: string;
}

/** Where it is put together; what is there before that is left of a run that was cut short. */
export function assembling(filesDir: string, job: string): string {
  return join(ownDirectory(filesDir), "assembling", job);
}

/** @throws {LuksmithError} "full", "tampered", "tool_failed". What there is of `partial` then is an interrupted snapshot */
export async function assembledCopy(
  host: Host,
  spec: AssembledCopySpec,
  run: Pick<RunContext, "step" | "progress">,
  signal: AbortSignal,
): Promise<Assembled> {
  const { base, filesDir, isEmpty, job, partial } = spec;
  const tree = assembling(filesDir, job.name);
  await removeTree(host.exec, tree, signal);
  return withLists(host.stateDir, async (lists) => {
    const copied = await run.step("copy", () => bring(host, spec, lists, AbortSignal.any([signal, lists.full]), run));
    await lists.end();
    if (isEmpty && base === undefined) return { ...copied, tree: partial };
    await run.step("link", async () => {
      const args = ["--parents", "--mode=0755", "--", tree];
      await mustRun(host.exec, { file: "mkdir", args, brief: true, deadlineMs: volumeDeadlineMs, signal });
      const link = (from: string, list: string, more: readonly string[] = []) =>
        linkListed(host, { from, list, tree, volume: job.volume, more }, signal);
      await link(partial, lists.brought.path);
      if (base === undefined) return;
      // never what was brought: rsync would change it in place, and with it what the older snapshot has
      await link(base, lists.shared.path, ["--ignore-existing", "--no-implied-dirs"]);
      // to put links into them has changed their times
      await link(partial, lists.directories.path, ["--no-implied-dirs"]);
    });
    return { ...copied, tree };
  });
}

/** As the user. */
function bring(
  host: Host,
  { base, isEmpty, job, onComplaint, onSettled, partial, selection }: AssembledCopySpec,
  lists: Lists,
  signal: AbortSignal,
  run: Pick<RunContext, "progress">,
): Promise<CopyResult> {
  const onLine = (line: Buffer) => {
    const item = parseItem(line);
    if (item !== undefined) lists.take(item, isEmpty ? "changed" : "all");
  };
  const spec = {
    // twice: what is unchanged is listed as well
    args: ["-ii", `--out-format=${itemFormat}`, ...selection, "--no-hard-links", ...deletingArgs, ...copyArgs(job)],
    sources: job.sources,
    into: partial,
    comparedWith: base === undefined ? [] : [base],
    volume: job.volume,
    onProgress: copyProgress(host.clock, run, "copy"),
    onLine,
    onComplaint,
    keepsUnfinished: true,
  };
  return withWriteBehind(
    host,
    partial,
    signal,
    (onStart, inTime) => copyFromSource(host, job.as, { ...spec, onStart }, inTime),
    onSettled,
  );
}

/** Nothing is copied: what is in `list`, and in `from`, gets another name in `tree`; directories are made. */
async function linkListed(
  { exec }: Host,
  {
    from,
    list,
    tree,
    volume,
    more,
  }: { from: string; list: string; tree: string; volume: string; more: readonly string[] },
  signal: AbortSignal,
): Promise<void> {
  const listed = ["--from0", `--files-from=${list}`, "--ignore-missing-args", `--link-dest=${from}`];
  const args = [...archiveArgs, "--no-hard-links", ...listed, ...more, "--", `${from}/`, `${tree}/`];
  let complaint: string | undefined;
  const onComplaint = (message: string) => {
    complaint ??= message;
  };
  const { incomplete } = await copy(exec, { args, volume, onComplaint }, signal);
  if (!incomplete && complaint === undefined) return;
  throw new LuksmithError("tool_failed", `the snapshot could not be put together: ${complaint ?? "rsync failed"}`);
}

/** Names of files, by the million, on this machine's disk. */
class List {
  readonly path: string;
  readonly #stream: WriteStream;
  readonly #finished: Promise<void>;

  constructor(path: string) {
    this.path = path;
    this.#stream = createWriteStream(path, { flags: "wx", mode: 0o600 });
    this.#finished = finished(this.#stream);
    this.#finished.catch(() => undefined);
  }

  /** @returns how many bytes wait for the disk */
  add(path: Buffer): number {
    this.#stream.write(Buffer.concat([here, path, terminator]));
    return this.#stream.writableLength;
  }

  /** @throws what the file system says */
  async end(): Promise<void> {
    this.#stream.end();
    await this.#finished;
  }

  close(): void {
    this.#stream.destroy();
  }
}

/** In front of a name, so that none begins as a comment does. */
const here = Buffer.from("./");
const terminator = Buffer.from("\0");
/** A disk takes names faster than rsync finds files. What comes faster than that comes from something else. */
const mostWaitingBytes = 64 * 2 ** 20;

class Lists {
  /** What is looked for among what was brought. */
  readonly brought: List;
  /** What the newest snapshot may have as it is. */
  readonly shared: List;
  readonly directories: List;
  readonly #stateDir: string;
  readonly #full = new AbortController();
  #unlooked = 0;

  constructor(directory: string, stateDir: string) {
    this.brought = new List(join(directory, "brought"));
    this.shared = new List(join(directory, "shared"));
    this.directories = new List(join(directory, "directories"));
    this.#stateDir = stateDir;
  }

  /** Aborted when there is no room for more. */
  get full(): AbortSignal {
    return this.#full.signal;
  }

  /** @param which "all": what is unchanged may be so by what was brought earlier */
  take(item: RsyncItem, which: "changed" | "all"): void {
    const { changes } = item;
    const path = pathWithin(item);
    if (changes.startsWith("*") || path === undefined) return;
    const isDirectory = changes[1] === "d";
    const isUnchanged = itemAction(changes) === undefined;
    if (isDirectory) this.#add(this.directories, path);
    if (isUnchanged && !isDirectory) this.#add(this.shared, path);
    if (which === "all" || isDirectory || !isUnchanged) this.#add(this.brought, path);
  }

  #add(list: List, path: Buffer): void {
    if (list.add(path) > mostWaitingBytes) {
      this.#full.abort(new LuksmithError("tool_failed", "rsync names more files than there can be"));
    }
    this.#unlooked += path.length;
    if (this.#unlooked < lookEveryBytes) return;
    this.#unlooked = 0;
    requireRoomForNames(this.#stateDir).catch((error: unknown) => this.#full.abort(error));
  }

  async end(): Promise<void> {
    await Promise.all([this.brought.end(), this.shared.end(), this.directories.end()]);
  }

  close(): void {
    for (const list of [this.brought, this.shared, this.directories]) list.close();
  }
}

async function withLists<T>(stateDir: string, work: (lists: Lists) => Promise<T>): Promise<T> {
  const parent = spillDirectory(stateDir);
  await mkdir(parent, { recursive: true, mode: 0o700 });
  const directory = await mkdtemp(join(parent, "listed-"));
  const lists = new Lists(directory, stateDir);
  try {
    return await work(lists);
  } finally {
    lists.close();
    await rm(directory, { recursive: true, force: true });
  }
}
