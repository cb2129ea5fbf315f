/** Which of many paths exist, asked of a child with the rights of the one who asks. Names are bytes. */

import { LuksmithError } from "../../common/errors.ts";
import { type Command, type Exec, lastWords } from "../../common/exec.ts";
import { volumeDeadlineMs } from "./deadlines.ts";
import { nullTerminated } from "./null-terminated.ts";

/**
 * Source: find(1): -files0-from takes the starting points from standard input; a missing one is an error message and
 * exit code 1, which says nothing new.
 * @param below where the paths begin; by default the working directory. `cwd` is entered with our rights, whatever is
 *   `below` is looked up with those of `as`: a directory of the caller's own choice must be given so
 * @param paths relative to `below`
 * @returns those that are there (a dangling symbolic link is there), with find's type letter
 */
export async function existing(
  exec: Exec,
  spec: { cwd?: string; below?: string; paths: readonly Buffer[]; as: Command["as"] },
  signal: AbortSignal,
): Promise<{ path: Buffer; type: string }[]> {
  if (spec.paths.length === 0) return [];
  const start = `${spec.below ?? "."}/`;
  const stdin = nullTerminated(spec.paths, start);
  const args = ["-P", "-files0-from", "-", "-maxdepth", "0", "-printf", "%y%p\\0"];
  const cwd = spec.cwd === undefined ? {} : { cwd: spec.cwd };
  const finished = await exec({
    file: "find",
    args,
    ...cwd,
    stdin,
    brief: true,
    deadlineMs: volumeDeadlineMs,
    signal,
    as: spec.as,
  });
  if (finished.exitCode > 1)
    throw new LuksmithError("tool_failed", `find failed: ${lastWords(finished)}`, { cause: finished });
  const records = finished.stdout.toString("latin1").split("\0").filter(Boolean);
  return records.map((record) => ({
    type: record.slice(0, 1),
    path: Buffer.from(record.slice(1 + Buffer.byteLength(start)), "latin1"),
  }));
}
