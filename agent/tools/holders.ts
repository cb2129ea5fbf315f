/** Who has something open below a directory, or works in it: find(1) on what the kernel shows of every process. */

import { LuksmithError } from "../../common/errors.ts";
import { type Exec, lastWords } from "../../common/exec.ts";

/** By a child: what maps files of a host that hangs keeps whoever asks about its memory waiting. */
const deadlineMs = 20_000;

/** "stands there": it has its working directory there, or its root. */
export type Hold = "any" | "stands there";

/**
 * The processes whose root, working directory, open files or mapped files are there, as far as they show under this path.
 * Source: proc(5). Exit code 1 is normal: processes end while they are being looked at.
 * @param directory without characters that mean something to fnmatch(3)
 */
export async function holdersOf(exec: Exec, directory: string, hold: Hold = "any"): Promise<number[]> {
  const other = ["-path", "/proc/[!0-9]*", "-prune"];
  const links = hold === "any" ? [] : ["(", "-path", "/proc/*/cwd", "-o", "-path", "/proc/*/root", ")"];
  const within = ["(", "-lname", directory, "-o", "-lname", `${directory}/*`, ")"];
  const args = ["/proc", "-mindepth", "1", "-maxdepth", "3", ...other, "-o", ...links, ...within, "-printf", "%P\\n"];
  const finished = await exec({ file: "find", args, brief: true, deadlineMs });
  if (finished.exitCode > 1) {
    throw new LuksmithError("tool_failed", `cannot see who uses ${directory}: ${lastWords(finished)}`, {
      cause: finished,
    });
  }
  const pids = finished.stdout
    .toString("latin1")
    .split("\n")
    .map((line) => Number.parseInt(line, 10));
  return [...new Set(pids.filter((pid) => pid > 1))];
}
