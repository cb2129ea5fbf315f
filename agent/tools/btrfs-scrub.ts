/** btrfs-scrub(8): the kernel reads all that is in use in a mounted btrfs, metadata in both copies, and compares the checksums. */

import { LuksmithError } from "../../common/errors.ts";
import { type Exec, lastWords, mustRead } from "../../common/exec.ts";
import { volumeDeadlineMs } from "./deadlines.ts";

export interface ScrubFigures {
  /** Of data, and of metadata in both copies. */
  readonly bytes: number;
  /** Blocks that could not be read. */
  readonly unreadable: number;
  /** Blocks of which the checksum, or what they say of themselves, is wrong. */
  readonly wrong: number;
  /** Superblocks of which one or the other is true. */
  readonly superblocks: number;
  /** Of those blocks: written anew from the other copy. */
  readonly mended: number;
}

/** Long enough for the kernel to finish what it has under way, unless the host hangs: then the transport is broken below it. */
const cancelDeadlineMs = 60_000;

/**
 * Takes as long as it takes; past the page cache of files, since it reads the device.
 * @param mends writes metadata anew from its other copy; mounted for writing
 * @throws {LuksmithError} "tool_failed" when it did not come to its end
 */
export async function scrub(
  exec: Exec,
  filesDir: string,
  { mends }: { mends: boolean },
  signal: AbortSignal,
): Promise<ScrubFigures> {
  // the kernel goes on when the program is killed; this makes it end
  let cancelled: Promise<unknown> = Promise.resolve();
  const cancel = () => {
    const args = ["scrub", "cancel", "--", filesDir];
    const command = { file: "btrfs", args, brief: true, silent: true, deadlineMs: cancelDeadlineMs };
    cancelled = exec(command).catch(() => undefined);
  };
  signal.addEventListener("abort", cancel, { once: true });
  try {
    // -f: whatever the record of an earlier one says, which was killed
    const args = ["scrub", "start", "-B", "-R", "-f", ...(mends ? [] : ["-r"]), "--", filesDir];
    const finished = await exec({ file: "btrfs", args, signal });
    const figures = parseScrub(finished.stdout.toString());
    // 3: there are errors that could not be corrected
    if (figures !== undefined && (finished.exitCode === 0 || finished.exitCode === 3)) return figures;
    throw new LuksmithError("tool_failed", `btrfs scrub failed: ${lastWords(finished)}`, { cause: finished });
  } finally {
    signal.removeEventListener("abort", cancel);
    await cancelled;
  }
}

/** Pure. @returns undefined when it was not finished */
export function parseScrub(text: string): ScrubFigures | undefined {
  const figure = (name: string) => Number(new RegExp(`^\\s*${name}:\\s*(\\d+)$`, "m").exec(text)?.[1] ?? Number.NaN);
  const figures = {
    bytes: figure("data_bytes_scrubbed") + figure("tree_bytes_scrubbed"),
    unreadable: figure("read_errors"),
    wrong: figure("csum_errors") + figure("verify_errors"),
    superblocks: figure("super_errors"),
    mended: figure("corrected_errors"),
  };
  const isWhole = /^Status:\s*finished$/m.test(text) && Object.values(figures).every(Number.isSafeInteger);
  return isWhole ? figures : undefined;
}

/** How much a scrub reads. Source: btrfs-filesystem(8), df */
export async function bytesInUse(exec: Exec, filesDir: string, signal: AbortSignal): Promise<number> {
  const args = ["filesystem", "df", "--raw", "--", filesDir];
  return parseUsage(
    (await mustRead(exec, { file: "btrfs", args, brief: true, deadlineMs: volumeDeadlineMs, signal })).toString(),
  );
}

/** Pure. `Metadata, DUP: total=33554432, used=425984`; the global reserve is part of the metadata. */
export function parseUsage(text: string): number {
  const lines = text.matchAll(/^(Data|System|Metadata)(?:\+\w+)?, (\w+): total=\d+, used=(\d+)$/gm);
  return [...lines].reduce((sum, [, , profile, used]) => sum + Number(used) * (profile === "DUP" ? 2 : 1), 0);
}
