/** Which of many paths exist, asked of a child with the rights of the one who asks. Names are bytes. */

import { LuksmithError } from "../../common/errors.ts";
import { type Command, type Exec, lastWords } from "../../common/exec.ts";

const deadlineMs = 120_000;

/**
 * Source: find(1): -files0-from takes the starting points from standard input; a missing one is an error message and
 * exit code 1, which says nothing new.
 * @param paths relative to `cwd`
 * @returns those that are there (a dangling symbolic link is there), with find's type letter
 */
export async function existing(
  exec: Exec,
  spec: { cwd: string; paths: readonly Buffer[]; as: Command["as"] },
  signal: AbortSignal,
): Promise<{ path: Buffer; type: string }[]> {
  if (spec.paths.length === 0) return [];
  const stdin = Buffer.concat(spec.paths.flatMap((path) => [Buffer.from("./"), path, Buffer.from("\0")]));
  const args = ["-P", "-files0-from", "-", "-maxdepth", "0", "-printf", "%y%p\\0"];
  const finished = await exec({ file: "find", args, cwd: spec.cwd, stdin, deadlineMs, signal, as: spec.as });
  if (finished.exitCode > 1)
    throw new LuksmithError("tool_failed", `find failed: ${lastWords(finished)}`, { cause: finished });
  const records = finished.stdout.toString("latin1").split("\0").filter(Boolean);
  return records.map((record) => ({ type: record.slice(0, 1), path: Buffer.from(record.slice(3), "latin1") }));
}
