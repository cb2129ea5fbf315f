/** find(1) of GNU findutils: listing below an attached volume, by a child, names as bytes. */

import { LuksmithError } from "../../common/errors.ts";
import { type Command, type Exec, lastWords } from "../../common/exec.ts";
import { FileEntry, FileEntry_Type } from "../../proto/gen/luksmith/v1/types.ts";
import { volumeDeadlineMs, wholeVolumeDeadlineMs } from "./deadlines.ts";
import { nullTerminated } from "./null-terminated.ts";
import { RecordSplitter } from "./record-splitter.ts";

/**
 * What there is in a directory, and where links lead; each name one character a byte (latin1).
 * @returns undefined when there is no such directory
 */
export async function listDirectory(exec: Exec, path: string, signal: AbortSignal) {
  const args = ["-H", path, "-mindepth", "1", "-maxdepth", "1", "-printf", "%y%P\\0%l\\0"];
  const finished = await exec({ file: "find", args, brief: true, deadlineMs: volumeDeadlineMs, signal });
  if (finished.exitCode !== 0) {
    if (finished.stderr.includes("No such file or directory")) return undefined;
    throw new LuksmithError("tool_failed", `cannot list ${path}: ${lastWords(finished)}`, { cause: finished });
  }
  const fields = finished.stdout.toString("latin1").split("\0");
  return Array.from({ length: Math.floor(fields.length / 2) }, (_, index) => {
    const [found = "", leadsTo = ""] = fields.slice(2 * index, 2 * index + 2);
    return { type: found.slice(0, 1), name: found.slice(1), leadsTo };
  });
}

/** Whether anything but directories has another name, be it there or elsewhere; true when in doubt. */
export async function anyShared(exec: Exec, directory: string, signal: AbortSignal): Promise<boolean> {
  const args = ["-P", directory, "!", "-type", "d", "-links", "+1", "-printf", "x", "-quit"];
  const look = { file: "find", args, brief: true, deadlineMs: wholeVolumeDeadlineMs, signal };
  const { exitCode, stdout } = await exec(look);
  return exitCode !== 0 || stdout.length > 0;
}

export interface FoundFile {
  /** Relative to where the search began; any bytes. */
  readonly path: Buffer;
  readonly bytes: number;
  readonly links: number;
  readonly inode: number;
  /** Of its inode (st_ctime), and of its inode's making; milliseconds since 1970. */
  readonly changedMs: number;
  readonly bornMs: number;
}

/** Every regular file below a directory, on its file system. */
export async function listFiles(
  exec: Exec,
  directory: string,
  onFile: (file: FoundFile) => void,
  signal: AbortSignal,
): Promise<void> {
  const splitter = new RecordSplitter(0);
  const onStdout = (chunk: Buffer) => {
    for (const record of splitter.push(chunk)) {
      const [bytes, links, inode, changed, born, ...path] = record.toString("latin1").split(" ");
      onFile({
        path: Buffer.from(path.join(" "), "latin1"),
        bytes: Number(bytes),
        links: Number(links),
        inode: Number(inode),
        changedMs: Number(changed) * 1000,
        bornMs: Number(born) * 1000,
      });
    }
  };
  const args = ["-H", directory, "-xdev", "-type", "f", "-printf", "%s %n %i %C@ %B@ %P\\0"];
  const finished = await exec({ file: "find", args, brief: true, deadlineMs: wholeVolumeDeadlineMs, signal, onStdout });
  if (finished.exitCode === 0) return;
  throw new LuksmithError("tool_failed", `cannot look through ${directory}: ${lastWords(finished)}`, {
    cause: finished,
  });
}

/**
 * What of it has other names, directories aside; and which of the other regular files are large.
 * @param paths relative to `directory`; any bytes. What is not there is passed over
 */
export async function linkedOrLarge(
  exec: Exec,
  { directory, paths, largeBytes }: { directory: string; paths: readonly Buffer[]; largeBytes: number },
  signal: AbortSignal,
): Promise<{ linked: Buffer[]; large: Buffer[] }> {
  const found: { linked: Buffer[]; large: Buffer[] } = { linked: [], large: [] };
  if (paths.length === 0) return found;
  const splitter = new RecordSplitter(0);
  const start = `${directory}/`;
  const startBytes = Buffer.byteLength(start);
  const onStdout = (chunk: Buffer) => {
    for (const record of splitter.push(chunk)) {
      const isLinked = record.subarray(0, 1).toString() === "l";
      (isLinked ? found.linked : found.large).push(Buffer.from(record.subarray(1 + startBytes)));
    }
  };
  const stdin = nullTerminated(paths, start);
  const linked = ["!", "-type", "d", "-links", "+1", "-printf", "l%p\\0"];
  const large = ["-type", "f", "-size", `+${largeBytes - 1}c`, "-printf", "s%p\\0"];
  const args = ["-P", "-files0-from", "-", "-maxdepth", "0", ...linked, "-o", ...large];
  const finished = await exec({
    file: "find",
    args,
    stdin,
    brief: true,
    deadlineMs: volumeDeadlineMs,
    signal,
    onStdout,
  });
  if (finished.exitCode <= 1) return found;
  throw new LuksmithError("tool_failed", `find failed: ${lastWords(finished)}`, { cause: finished });
}

export interface FileThere {
  readonly path: string;
  /** One letter; source: find(1), -printf %y */
  readonly type: string;
  /** Number of the file system's device. */
  readonly device: string;
}

/** Which of them are there. @param paths absolute @returns by path */
export async function filesThere(
  exec: Exec,
  paths: readonly string[],
  as: Command["as"],
  signal: AbortSignal,
): Promise<Map<string, FileThere>> {
  const found = new Map<string, FileThere>();
  const splitter = new RecordSplitter(0);
  const onStdout = (chunk: Buffer) => {
    for (const record of splitter.push(chunk)) {
      const [type = "", device = "", ...rest] = record.toString().split(" ");
      const path = rest.join(" ");
      found.set(path, { path, type, device });
    }
  };
  const stdin = paths.map((path) => `${path}\0`).join("");
  const args = ["-P", "-files0-from", "-", "-maxdepth", "0", "-printf", "%y %D %p\\0"];
  const finished = await exec({ file: "find", args, stdin, as, deadlineMs: wholeVolumeDeadlineMs, signal, onStdout });
  // 1: some are not there
  if (finished.exitCode <= 1) return found;
  throw new LuksmithError("tool_failed", `find failed: ${lastWords(finished)}`, { cause: finished });
}

/** %y of find(1), -printf */
export const entryTypes: Readonly<Record<string, FileEntry["type"]>> = {
  f: FileEntry_Type.FILE,
  d: FileEntry_Type.DIRECTORY,
  l: FileEntry_Type.SYMLINK,
  b: FileEntry_Type.BLOCK_DEVICE,
  c: FileEntry_Type.CHARACTER_DEVICE,
  p: FileEntry_Type.FIFO,
  s: FileEntry_Type.SOCKET,
};

const fieldsPerEntry = 7;

/**
 * Lists what is at `path` (relative to `cwd`; any bytes) and below it. A directory itself is listed only when it is
 * what was asked for and `recursive`; a file that was asked for is its own only entry.
 * @param as looks with the eyes of this user
 * @returns incomplete when some directories could not be looked into
 * @throws {LuksmithError} "not_found" when there is nothing at `path`
 */
export async function walk(
  exec: Exec,
  spec: { cwd: string; path: Uint8Array; recursive: boolean; as: Command["as"] },
  onEntry: (entry: FileEntry) => void | Promise<void>,
  signal: AbortSignal,
): Promise<{ incomplete: boolean }> {
  // find takes starting points from standard input byte for byte (-files0-from), which argv of Node could not carry;
  // "./" keeps a name that begins with a dash from being an option
  const start = Buffer.concat([Buffer.from("./"), spec.path, Buffer.from("\0")]);
  const depth = spec.recursive ? [] : ["-maxdepth", "1"];
  const format = "%y\\0%m\\0%U %G %s\\0%T@\\0%p\\0%d\\0%l\\0";
  const splitter = new RecordSplitter(0);
  let fields: Buffer[] = [];
  let root: FileEntry | undefined;
  const finished = await exec({
    file: "find",
    args: ["-files0-from", "-", ...depth, "-printf", format],
    cwd: spec.cwd,
    stdin: start,
    deadlineMs: wholeVolumeDeadlineMs,
    signal,
    as: spec.as,
    onStdout: async (chunk) => {
      for (const field of splitter.push(chunk)) {
        fields.push(field);
        if (fields.length < fieldsPerEntry) continue;
        const { entry, depth: level } = toEntry(fields);
        fields = [];
        if (level === 0) root = entry;
        if (level === 0 && entry.type === FileEntry_Type.DIRECTORY && !spec.recursive) continue;
        if (entry.path.length > 0) await onEntry(entry);
      }
    },
  });
  if (finished.exitCode === 0) return { incomplete: false };
  if (root === undefined && finished.stderr.includes("No such file or directory")) {
    throw new LuksmithError("not_found", "there is nothing of that name in the snapshot", {
      hint: "luksmith ls, without a path",
    });
  }
  // an ordinary user meets directories that are closed to them; what can be seen has been listed
  if (finished.exitCode === 1 && root !== undefined) return { incomplete: true };
  throw new LuksmithError("tool_failed", `listing failed: ${lastWords(finished)}`, { cause: finished });
}

function toEntry(fields: readonly Buffer[]): { entry: FileEntry; depth: number } {
  const [type, mode, numbers, time, path = Buffer.alloc(0), depth, target = Buffer.alloc(0)] = fields;
  const [uid, gid, size] = `${numbers}`.split(" ").map(Number);
  const entry = FileEntry.create({
    type: entryTypes[`${type}`] ?? FileEntry_Type.UNSPECIFIED,
    mode: Number.parseInt(`${mode}`, 8),
    uid: uid ?? 0,
    gid: gid ?? 0,
    size: size ?? 0,
    modified: new Date(Number(`${time}`) * 1000),
    path: withoutDotSlash(path),
    target,
  });
  return { entry, depth: Number(`${depth}`) };
}

function withoutDotSlash(path: Buffer): Buffer {
  const bare = path.subarray(path.subarray(0, 2).equals(Buffer.from("./")) ? 2 : 0);
  return bare.equals(Buffer.from(".")) ? Buffer.alloc(0) : bare;
}
