/**
 * Small files on a mounted backup host, by children: the host may never answer. Nothing here follows a link, provided that the
 * mount is confined (nosymfollow), and nothing is opened that is no regular file.
 */

import { basename } from "node:path";
import { LuksmithError } from "../../common/errors.ts";
import { type Exec, lastWords, mustRun } from "../../common/exec.ts";

const deadlineMs = 60_000;
const mostBytes = 4096;
const fileTypeMask = 0o170000;
const regularFile = 0o100000;

export interface RemoteFile {
  /** Undefined when it is no regular file. */
  readonly text: string | undefined;
  /** By the host's clock, in whole seconds. */
  readonly writtenSeconds: number;
}

/**
 * O_CREAT | O_EXCL, decided by the host.
 * @returns false when it could not be opened so, mostly because it is there
 * @throws {LuksmithError} "tool_failed" when it was made and could not be written; it is removed again
 */
export async function createExclusively(
  exec: Exec,
  path: string,
  content: string,
  signal: AbortSignal,
): Promise<boolean> {
  const args = ["status=none", "conv=excl", `of=${path}`];
  const made = await exec({ file: "dd", args, stdin: content, brief: true, deadlineMs, signal });
  if (made.exitCode === 0) return true;
  if (/: failed to open /.test(made.stderr)) return false;
  await removeRemoteFiles(exec, [path], signal);
  throw new LuksmithError("tool_failed", `${basename(path)} cannot be written: ${lastWords(made)}`, { cause: made });
}

/** @returns undefined when there is none @throws {LuksmithError} "tool_failed" when it cannot be read */
export async function readRemoteFile(exec: Exec, path: string, signal: AbortSignal): Promise<RemoteFile | undefined> {
  // stat(1): %f mode in hex, %Y time of the last change
  const looked = await exec({
    file: "stat",
    args: ["--format=%f %Y", "--", path],
    brief: true,
    deadlineMs,
    signal,
  });
  if (looked.exitCode !== 0) {
    if (looked.stderr.endsWith("No such file or directory")) return undefined;
    throw new LuksmithError("tool_failed", `${path} cannot be looked at: ${lastWords(looked)}`, { cause: looked });
  }
  const [mode = "", writtenSeconds] = looked.stdout.toString().trim().split(" ");
  if ((Number.parseInt(mode, 16) & fileTypeMask) !== regularFile) {
    return { text: undefined, writtenSeconds: Number(writtenSeconds) };
  }
  const args = ["--bytes", `${mostBytes}`, "--", path];
  const read = await exec({ file: "head", args, brief: true, deadlineMs, signal });
  return { text: read.exitCode === 0 ? read.stdout.toString() : undefined, writtenSeconds: Number(writtenSeconds) };
}

/** Writes over what is there, which must be as long. */
export async function overwrite(exec: Exec, path: string, content: string, signal: AbortSignal): Promise<void> {
  const args = ["status=none", "conv=notrunc,nocreat", "oflag=nofollow", `of=${path}`];
  await mustRun(exec, { file: "dd", args, stdin: content, brief: true, deadlineMs, signal });
}

/** Takes the place of `to`, if that is there. */
export async function moveRemoteFile(exec: Exec, from: string, to: string, signal: AbortSignal): Promise<void> {
  const args = ["--no-target-directory", "--force", "--", from, to];
  await mustRun(exec, { file: "mv", args, brief: true, deadlineMs, signal });
}

export async function removeRemoteFiles(exec: Exec, paths: readonly string[], signal?: AbortSignal): Promise<void> {
  await mustRun(exec, { file: "rm", args: ["--force", "--", ...paths], brief: true, deadlineMs, signal });
}
