/**
 * /.luksmith/volume.json inside the volume: who it is and how often it was attached for writing. The machine remembers
 * the last generation it saw; an image that shows an older one has been rolled back.
 */

import { join } from "node:path";
import * as z from "zod";
import { LuksmithError } from "../../common/errors.ts";
import { type Exec, lastWords, mustRun } from "../../common/exec.ts";
import { parseJson } from "../../common/parse-json.ts";
import { volumeDeadlineMs } from "../tools/deadlines.ts";
import type { Pin } from "./pin.ts";

const identitySchema = z.object({
  format: z.literal(1),
  id: z.uuid(),
  volume: z.string(),
  generation: z.int().nonnegative(),
});

export type Identity = z.infer<typeof identitySchema>;

const directoryName = ".luksmith";
const fileName = "volume.json";

/** Our own directory inside the volume. */
export function ownDirectory(filesDir: string): string {
  return join(filesDir, directoryName);
}

/** @throws {LuksmithError} "tampered" when it is not there or cannot be understood; "tool_failed" when it cannot be read */
export async function readIdentity(exec: Exec, filesDir: string, signal: AbortSignal): Promise<Identity> {
  const path = join(ownDirectory(filesDir), fileName);
  const finished = await exec({ file: "cat", args: ["--", path], brief: true, deadlineMs: volumeDeadlineMs, signal });
  const parsed = finished.exitCode === 0 ? identitySchema.safeParse(parseJson(finished.stdout.toString())) : undefined;
  if (parsed?.success) return parsed.data;
  if (finished.stderr.endsWith("Input/output error")) {
    throw new LuksmithError("tool_failed", `${directoryName}/${fileName} in the volume cannot be read`, {
      cause: finished,
    });
  }
  throw new LuksmithError("tampered", `${directoryName}/${fileName} in the volume is missing or damaged`, {
    hint: "luksmith volume check VOLUME, and look into it by hand before anything is written to it",
  });
}

/**
 * Not synced by itself: it is as durable as what the run writes after it. In an ext4 volume that is full to the last
 * block the file is written over in place, so that room can still be made there; btrfs keeps some metadata back for that.
 */
export async function writeIdentity(
  exec: Exec,
  filesDir: string,
  identity: Identity,
  signal: AbortSignal,
): Promise<void> {
  const directory = ownDirectory(filesDir);
  const fresh = join(directory, `${fileName}.new`);
  const stdin = `${JSON.stringify(identitySchema.parse(identity), null, 2)}\n`;
  const make = ["status=none", `of=${fresh}`];
  const made = await exec({ file: "dd", args: make, stdin, brief: true, deadlineMs: volumeDeadlineMs, signal });
  if (made.exitCode !== 0) {
    if (!made.stderr.includes("No space left on device")) {
      throw new LuksmithError("tool_failed", `the generation cannot be written: ${lastWords(made)}`, { cause: made });
    }
    const over = ["status=none", "conv=notrunc", `of=${join(directory, fileName)}`];
    await mustRun(exec, { file: "dd", args: over, stdin, brief: true, deadlineMs: volumeDeadlineMs, signal });
    return;
  }
  const args = ["--no-target-directory", "--", fresh, join(directory, fileName)];
  await mustRun(exec, { file: "mv", args, brief: true, deadlineMs: volumeDeadlineMs, signal });
}

/**
 * Pure. @throws {LuksmithError} "tampered" when it is another volume, or an older state of this one and
 * `acceptRollback` is not set
 */
export function requireIdentity(identity: Identity, pin: Pin, volume: string, acceptRollback: boolean): void {
  if (identity.id !== pin.id) {
    throw new LuksmithError("tampered", `the image holds another volume (${identity.volume}, ${identity.id})`, {
      hint: "has the image been exchanged on the backup host",
    });
  }
  if (identity.generation < pin.generation && !acceptRollback) {
    throw new LuksmithError(
      "tampered",
      `volume ${volume} has been rolled back: it shows generation ${identity.generation}, this machine has seen ${pin.generation}`,
      { hint: "if the image was put back from a copy on purpose: add --accept-rollback" },
    );
  }
}
