/** Which files of a mounted file system with checksums cannot be read to their end. Names are bytes. */

import { LuksmithError } from "../../common/errors.ts";
import { type Exec, lastWords } from "../../common/exec.ts";
import { unreadableOf } from "../tools/read-whole.ts";
import { RecordSplitter } from "../tools/record-splitter.ts";
import { SeenVersions } from "./seen-versions.ts";

/** So many are read together; and each once more by itself, where one of them cannot be read. */
const batchFiles = 200;

interface DamagedFile {
  /** Below where the search began. */
  readonly path: Buffer;
  readonly bytes: number;
}

interface Version extends DamagedFile {
  readonly inode: number;
  readonly changed: number;
}

export interface Damage {
  readonly files: readonly DamagedFile[];
  /** Some of it could not be looked into. */
  readonly incomplete: boolean;
}

/**
 * Reads each version of each file once: a file that a snapshot shares with the one before has its inode's number and change time,
 * whichever of both ways they share it in.
 * @param onRead gets the bytes and files that have been read until now
 * @param mostTold so many names are collected at the most
 */
export async function damagedFiles(
  exec: Exec,
  directory: string,
  { onRead, mostTold }: { onRead: (bytes: number, files: number) => void; mostTold: number },
  signal: AbortSignal,
): Promise<Damage> {
  const seen = new SeenVersions();
  const damaged = new Map<number, Set<number>>();
  let batch: Version[] = [];
  let [bytes, files] = [0, 0];
  const read = async () => {
    const versions = batch;
    batch = [];
    const paths = versions.map(({ path }) => path);
    const bad = new Set((await unreadableOf(exec, { cwd: directory, paths }, signal)).map(({ path }) => key(path)));
    for (const { path, inode, changed } of versions) {
      if (bad.has(key(path))) damaged.set(inode, (damaged.get(inode) ?? new Set()).add(changed));
    }
    bytes += versions.reduce((sum, version) => sum + version.bytes, 0);
    files += versions.length;
    onRead(bytes, files);
  };
  const onVersion = async (version: Version) => {
    if (!seen.add(version.inode, version.changed)) return;
    batch.push(version);
    if (batch.length >= batchFiles) await read();
  };
  let incomplete = await listVersions(exec, directory, onVersion, signal);
  if (batch.length > 0) await read();
  if (damaged.size === 0) return { files: [], incomplete };
  const told: DamagedFile[] = [];
  const tell = ({ path, bytes: size, inode, changed }: Version) => {
    if (damaged.get(inode)?.has(changed) === true && told.length < mostTold) told.push({ path, bytes: size });
  };
  incomplete = (await listVersions(exec, directory, tell, signal)) || incomplete;
  return { files: told, incomplete };
}

/** @returns whether some of it could not be looked into */
async function listVersions(
  exec: Exec,
  directory: string,
  onVersion: (version: Version) => void | Promise<void>,
  signal: AbortSignal,
): Promise<boolean> {
  const splitter = new RecordSplitter(0);
  const finished = await exec({
    file: "find",
    // not -xdev: each snapshot is a device of its own
    args: ["-H", directory, "-type", "f", "-size", "+0", "-printf", "%i %C@ %s %P\\0"],
    signal,
    onStdout: async (chunk) => {
      for (const record of splitter.push(chunk)) {
        const [inode, changed, bytes, ...path] = record.toString("latin1").split(" ");
        const named = { path: Buffer.from(path.join(" "), "latin1"), bytes: Number(bytes) };
        await onVersion({ ...named, inode: Number(inode), changed: Number(changed) });
      }
    },
  });
  if (finished.exitCode <= 1) return finished.exitCode === 1;
  throw new LuksmithError("tool_failed", `find failed: ${lastWords(finished)}`, { cause: finished });
}

function key(path: Buffer): string {
  return path.toString("latin1");
}
