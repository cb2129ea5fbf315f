/** losetup(8) of util-linux. */

import { basename } from "node:path";
import { LuksmithError } from "../../common/errors.ts";
import { type Exec, lastWords, mustRun } from "../../common/exec.ts";
import { volumeDeadlineMs } from "./deadlines.ts";

const detachDeadlineMs = 30_000;
export interface LoopSpec {
  readonly file: string;
  readonly access: "read" | "write" | "only read";
  /** Those of the LUKS2 data on it: a file system has no smaller blocks than the device that it was made on had sectors. */
  readonly sectorBytes: number;
}

/**
 * Binds a free loop device to the file. For writing with direct I/O: the image's pages are not cached a second time, and
 * writeback does not stall on a slow link as the buffered kind does. For reading buffered: the
 * kernel then reads ahead in the image itself.
 * @returns "/dev/loopN"
 */
export async function attachLoop(
  exec: Exec,
  { file, access, sectorBytes }: LoopSpec,
  signal?: AbortSignal,
): Promise<string> {
  const directIo = `--direct-io=${access === "write" ? "on" : "off"}`;
  const readOnly = access === "only read" ? ["--read-only"] : [];
  const args = ["--find", "--show", ...readOnly, directIo, `--sector-size=${sectorBytes}`, "--", file];
  const finished = await exec({ file: "losetup", args, brief: true, deadlineMs: volumeDeadlineMs, signal });
  if (finished.exitCode !== 0) throw notAttached(basename(file), lastWords(finished), finished);
  const device = finished.stdout.toString().trim();
  if (!/^\/dev\/loop\d+$/.test(device)) throw new LuksmithError("tool_failed", "losetup named no device");
  return device;
}

function notAttached(name: string, said: string, cause: unknown): LuksmithError {
  if (/cannot find an unused loop device|\/dev\/loop-control/.test(said)) {
    return new LuksmithError("tool_failed", "there is no loop device left on this machine", {
      hint: "losetup --list shows who has them; each volume that is attached takes one, and a second one for a moment",
      cause,
    });
  }
  if (/permission denied|operation not permitted/i.test(said)) {
    return new LuksmithError("tool_failed", `${name} cannot be opened on the backup host`, {
      hint: "it must be readable and writable for the user that luksmith logs in as: ls -l there",
      cause,
    });
  }
  return new LuksmithError("tool_failed", `losetup failed: ${said}`, { cause });
}

/** Takes effect when nothing uses the device any more (LO_FLAGS_AUTOCLEAR). */
export async function detachLoop(exec: Exec, device: string): Promise<void> {
  await mustRun(exec, { file: "losetup", args: ["--detach", device], brief: true, deadlineMs: detachDeadlineMs });
}
