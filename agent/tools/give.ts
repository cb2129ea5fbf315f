/** chown(1), of one directory and not of what is in it. */

import { type Exec, mustRun, type User } from "../../common/exec.ts";
import { volumeDeadlineMs } from "./deadlines.ts";

/** Source: chown(1), --no-dereference: what is there is never followed. */
export async function giveTo(exec: Exec, directory: string, { uid, gid }: User, signal: AbortSignal): Promise<void> {
  const args = ["--no-dereference", `${uid}:${gid}`, "--", directory];
  await mustRun(exec, { file: "chown", args, brief: true, deadlineMs: volumeDeadlineMs, signal });
}
