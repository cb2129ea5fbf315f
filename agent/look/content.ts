/** Whether files hold the same, by reading them: sha256sum(1), names given and told back as bytes. */

import { LuksmithError } from "../../common/errors.ts";
import { type Command, type Exec, lastWords } from "../../common/exec.ts";
import { wholeVolumeDeadlineMs } from "../tools/deadlines.ts";
import { nullTerminated } from "../tools/null-terminated.ts";
import { RecordSplitter } from "../tools/record-splitter.ts";

/** Hexadecimal digits of a SHA-256, then a blank, and one that says how it was read. */
const digestDigits = 64;
const prefixBytes = digestDigits + 2;
/** xargs(1), EXIT STATUS: "if any invocation of the command exited with status 1-125". */
const someFailedExit = 123;

/** @param paths relative to `cwd` @returns by path (latin1); those that could not be read are not among them */
export async function digests(
  exec: Exec,
  { cwd, paths, as }: { cwd: string; paths: readonly Buffer[]; as: Command["as"] },
  signal: AbortSignal,
): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const splitter = new RecordSplitter(0);
  const finished = await exec({
    file: "xargs",
    args: ["--null", "--no-run-if-empty", "sha256sum", "--zero", "--"],
    cwd,
    stdin: nullTerminated(paths, "./"),
    as,
    deadlineMs: wholeVolumeDeadlineMs,
    signal,
    onStdout: (chunk) => {
      for (const record of splitter.push(chunk)) {
        const text = record.toString("latin1");
        found.set(text.slice(prefixBytes + "./".length), text.slice(0, digestDigits));
      }
    },
  });
  if (finished.exitCode === 0 || finished.exitCode === someFailedExit) return found;
  throw new LuksmithError("tool_failed", `reading failed: ${lastWords(finished)}`, { cause: finished });
}
