/** mount(8) and umount(8) of util-linux. */

import { LuksmithError } from "../../common/errors.ts";
import { type Exec, type Finished, lastWords, mustRun } from "../../common/exec.ts";
import { volumeDeadlineMs } from "./deadlines.ts";

const remountDeadlineMs = 30_000;

export async function mountFilesystem(
  exec: Exec,
  device: string,
  target: string,
  type: string,
  options: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const args = ["--types", type, "--options", options.join(","), "--", device, target];
  const finished = await exec({ file: "mount", args, brief: true, deadlineMs: volumeDeadlineMs, signal });
  if (finished.exitCode === 0) return;
  throw new LuksmithError("tool_failed", `mount failed: ${whyNotMounted(finished)}`, { cause: finished });
}

/** Its last words, but for its name, the full stop, and the advice to look at dmesg, which says nothing of what has happened. Pure. */
export function whyNotMounted(finished: Finished): string {
  const lines = finished.stderr.split("\n").filter((line) => !line.trimStart().startsWith("dmesg(1)"));
  const said = lastWords({ ...finished, stderr: lines.join("\n") });
  return said.replace(/^mount: /, "").replace(/\.$/, "");
}

/** Shows a directory at a second place. */
export async function bindMount(exec: Exec, directory: string, target: string, signal: AbortSignal): Promise<void> {
  await mustRun(exec, {
    file: "mount",
    args: ["--bind", "--", directory, target],
    brief: true,
    deadlineMs: remountDeadlineMs,
    signal,
  });
}

/** The same with all that is mounted below it. What goes there, goes here; what comes here, does not come there. */
export async function bindTree(exec: Exec, directory: string, target: string, signal: AbortSignal): Promise<void> {
  const mount = (args: string[]) =>
    mustRun(exec, { file: "mount", args, brief: true, deadlineMs: remountDeadlineMs, signal });
  await mount(["--rbind", "--", directory, target]);
  await mount(["--make-rslave", "--", target]);
}

/**
 * What is mounted below it from now on shows there alone, and not also where it was bound from (mount_namespaces(7), peer
 * groups); it still goes from the mount namespaces that are made of ours when it goes here.
 */
export async function leavePeers(exec: Exec, target: string, signal: AbortSignal): Promise<void> {
  const args = ["--make-private", "--make-shared", "--", target];
  await mustRun(exec, { file: "mount", args, brief: true, deadlineMs: remountDeadlineMs, signal });
}

/** Changes the flags of a mount that is there already. Source: mount(8), "remount,bind"; nosymfollow: mount_setattr(2), Linux 5.10 */
export async function remountFlags(exec: Exec, target: string, flags: readonly string[], signal: AbortSignal) {
  const args = ["--options", ["remount", "bind", ...flags].join(","), "--", target];
  await mustRun(exec, { file: "mount", args, brief: true, deadlineMs: remountDeadlineMs, signal });
}

/** Makes a file system read-only as a whole, wherever else it is mounted. @param flags of this mount, which would be lost otherwise */
export async function remountReadOnly(exec: Exec, target: string, flags: readonly string[], signal: AbortSignal) {
  const args = ["--options", ["remount", "ro", ...flags].join(","), "--", target];
  await mustRun(exec, { file: "mount", args, brief: true, deadlineMs: remountDeadlineMs, signal });
}

/** Writes out what is dirty and unmounts; `lazy` takes it out of the tree at once and the rest when nobody uses it. */
export async function unmount(exec: Exec, target: string, deadlineMs: number, how: "flush" | "lazy" = "flush") {
  const args = [...(how === "lazy" ? ["--lazy"] : []), "--", target];
  await mustRun(exec, { file: "umount", args, brief: true, deadlineMs });
}
