/** Why a backup host that is there does not take what is written: SFTP has one word for all that fails (SSH_FX_FAILURE). */

import { randomUUID } from "node:crypto";
import { basename, dirname } from "node:path";
import type { LuksmithError } from "../../../common/errors.ts";
import type { Exec } from "../../../common/exec.ts";
import { createExclusively, removeRemoteFiles } from "../../tools/remote-file.ts";
import { fullHost, takesNoData, whatStays } from "../image-errors.ts";

const deadlineMs = 20_000;
/** As much as one write of the image. */
const probeBytes = 128 * 2 ** 10;

/**
 * Asks the host how much room it has, and tries to write something beside the image.
 * @returns undefined when it takes data
 */
export async function hostTrouble(
  exec: Exec,
  { imagePath, remote, volume }: { imagePath: string; remote: string; volume: string },
  signal: AbortSignal,
): Promise<LuksmithError | undefined> {
  const free = await freeBytesOf(exec, dirname(imagePath), signal);
  const full = free === undefined ? undefined : fullHost(remote, free);
  if (full !== undefined) return full;
  signal.throwIfAborted();
  if (await takesData(exec, `${imagePath}.probe-${randomUUID()}`)) return undefined;
  const why = `has the user a quota there, and may it write to ${basename(imagePath)}; ${whatStays}`;
  return takesNoData(remote, volume, why);
}

/** Through statvfs@openssh.com; other servers say nothing sensible. Source: stat(1), --file-system: %a %S */
export async function freeBytesOf(exec: Exec, directory: string, signal: AbortSignal): Promise<number | undefined> {
  const args = ["--file-system", "--format=%a %S %b", "--", directory];
  const finished = await exec({ file: "stat", args, brief: true, deadlineMs, signal });
  const [free, size, all] = finished.stdout.toString().trim().split(" ").map(Number);
  return finished.exitCode === 0 && all !== undefined && all > 0 ? (free ?? 0) * (size ?? 0) : undefined;
}

/** @throws when that cannot be found out */
async function takesData(exec: Exec, probe: string): Promise<boolean> {
  const isMade = await createExclusively(exec, probe, "x".repeat(probeBytes));
  if (isMade) await removeRemoteFiles(exec, [probe]);
  return isMade;
}
