/** Reading files from their first byte to their last, for nothing but whether that can be done. */

import { type Exec, lastWords } from "../../common/exec.ts";
import { wholeVolumeDeadlineMs } from "./deadlines.ts";
import { nullTerminated } from "./null-terminated.ts";

export interface Unreadable {
  readonly path: Buffer;
  readonly why: string;
}

/**
 * By wc(1), which reads what it counts the lines of; in its own words a name is quoted, so that each file is asked for once more by
 * itself when there was something wrong with any of them.
 * @param cwd where the paths begin
 * @param paths relative, of regular files; any bytes
 * @returns those that could not be read
 */
export async function unreadableOf(
  exec: Exec,
  { cwd, paths }: { cwd: string; paths: readonly Buffer[] },
  signal: AbortSignal,
): Promise<Unreadable[]> {
  if (paths.length === 0) return [];
  const all = await countLines(exec, cwd, paths, signal);
  if (all === undefined) return [];
  const found: Unreadable[] = [];
  for (const path of paths) {
    const why = await countLines(exec, cwd, [path], signal);
    if (why !== undefined) found.push({ path, why });
  }
  return found;
}

/** @returns what wc says that is wrong */
async function countLines(
  exec: Exec,
  cwd: string,
  paths: readonly Buffer[],
  signal: AbortSignal,
): Promise<string | undefined> {
  const stdin = nullTerminated(paths, "./");
  const args = ["--lines", "--files0-from=-"];
  const ignore = () => undefined;
  const finished = await exec({
    file: "wc",
    args,
    cwd,
    stdin,
    onStdout: ignore,
    deadlineMs: wholeVolumeDeadlineMs,
    signal,
  });
  if (finished.exitCode === 0) return undefined;
  return /: ([^:]+)$/.exec(lastWords(finished))?.[1] ?? lastWords(finished);
}
