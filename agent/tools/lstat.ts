/** lstat(2) of this machine's paths, asked of a child: a path may lead to what does not answer, and a thread of ours would wait with it. */

import { LuksmithError } from "../../common/errors.ts";
import { type Exec, lastWords } from "../../common/exec.ts";
import { nullTerminated } from "./null-terminated.ts";

/** A disk that has to spin up, and more: what takes longer does not answer. */
const deadlineMs = 60_000;

export interface LookedAt {
  /** Permissions, with the bits that stand before them. */
  readonly mode: number;
  readonly uid: number;
  /** Of a symbolic link: what it leads to. */
  readonly link: string | undefined;
}

/**
 * Source: find(1): -files0-from; -printf %p %y %m %U %l. One that is missing is a line on standard error, and exit code 1.
 * @param paths absolute @returns by path; those that are not there are missing
 * @throws {LuksmithError} "tool_failed" when one of them cannot be looked at, or not within a minute
 */
export async function lookAt(
  exec: Exec,
  paths: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Map<string, LookedAt>> {
  const stdin = nullTerminated(paths.map((path) => Buffer.from(path)));
  const args = ["-P", "-files0-from", "-", "-maxdepth", "0", "-printf", "%p\\0%y %m %U %l\\0"];
  const finished = await exec({ file: "find", args, stdin, deadlineMs, signal });
  const complaints = finished.stderr.split("\n").filter(Boolean);
  const isMissing = (line: string) => line.endsWith(": No such file or directory");
  if (finished.exitCode > 1 || !complaints.every(isMissing)) {
    throw new LuksmithError("tool_failed", lastWords(finished), { cause: finished });
  }
  return parseLookedAt(finished.stdout.toString());
}

/** Pure. */
export function parseLookedAt(output: string): Map<string, LookedAt> {
  const fields = output.split("\0");
  const found = new Map<string, LookedAt>();
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const [, type, mode = "", uid, link] = /^(.) ([0-7]+) (\d+) (.*)$/s.exec(fields[at + 1] ?? "") ?? [];
    if (type === undefined) throw new LuksmithError("tool_failed", "find answered what was not asked");
    const of = { mode: Number.parseInt(mode, 8), uid: Number(uid), link: type === "l" ? link : undefined };
    found.set(fields[at] ?? "", of);
  }
  return found;
}
