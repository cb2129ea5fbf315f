/** losetup(8) of util-linux. */

import { LuksmithError } from "../../common/errors.ts";
import { type Exec, mustRead, mustRun } from "../../common/exec.ts";

const deadlineMs = 30_000;
/** LUKS2 sectors of 4096 bytes; direct I/O needs the device's sectors to be no smaller than the file's block. */
const sectorBytes = 4096;

/**
 * Binds a free loop device to the file. For writing with direct I/O: the image's pages are not cached a second time, and
 * writeback does not stall on a slow link as the buffered kind does. For reading buffered: the
 * kernel then reads ahead in the image itself.
 * @returns "/dev/loopN"
 */
export async function attachLoop(
  exec: Exec,
  file: string,
  mode: "read" | "write",
  signal?: AbortSignal,
): Promise<string> {
  const directIo = `--direct-io=${mode === "write" ? "on" : "off"}`;
  const args = ["--find", "--show", directIo, `--sector-size=${sectorBytes}`, "--", file];
  const said = await mustRead(exec, { file: "losetup", args, brief: true, deadlineMs, signal });
  const device = said.toString().trim();
  if (!/^\/dev\/loop\d+$/.test(device)) throw new LuksmithError("tool_failed", "losetup named no device");
  return device;
}

/** Takes effect when nothing uses the device any more (LO_FLAGS_AUTOCLEAR). */
export async function detachLoop(exec: Exec, device: string): Promise<void> {
  await mustRun(exec, { file: "losetup", args: ["--detach", device], brief: true, deadlineMs });
}
