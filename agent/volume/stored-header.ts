/**
 * The header at the beginning of the image: nothing that luksmith opens anything with, but what opens the image by hand. It is
 * a copy of the pinned one.
 */

import { stat } from "node:fs/promises";
import { hasErrno, LuksmithError } from "../../common/errors.ts";
import { type Exec, lastWords, mustRead, mustRun } from "../../common/exec.ts";
import type { Opened } from "../stack/stack.ts";
import { dumpHeader, isLuks2 } from "../tools/cryptsetup.ts";
import { parseLuksHeader } from "../tools/luks-header.ts";

const copyDeadlineMs = 600_000;
const compareDeadlineMs = 600_000;
const luksMagic = Buffer.from("LUKS\xba\xbe", "latin1");

/**
 * Writes all of the pinned header over the stored one, zeros as well: what was removed from the one must not stay in the other.
 * The key material goes first, then the second copy of the metadata, then the first: wherever it breaks off, each slot
 * that is in both the old and the new header opens the image. Then it is read back, from the host and not from memory, and compared.
 * @throws {LuksmithError} "tampered" when the host gives something else back
 */
export async function sendHeader(
  exec: Exec,
  headerFile: string,
  opened: Pick<Opened, "imageDevice" | "signal">,
): Promise<void> {
  const { imageDevice, signal } = opened;
  const { metadataBytes } = parseLuksHeader(await dumpHeader(exec, headerFile, signal));
  const bytes = await headerSize(headerFile);
  const pieces = [
    { at: 2 * metadataBytes, bytes: bytes - 2 * metadataBytes },
    { at: metadataBytes, bytes: metadataBytes },
    { at: 0, bytes: metadataBytes },
  ];
  for (const piece of pieces) {
    const args = [
      ...[`if=${headerFile}`, `of=${imageDevice}`, "bs=1M", `skip=${piece.at}`, `seek=${piece.at}`],
      ...[`count=${piece.bytes}`, "iflag=skip_bytes,count_bytes,fullblock", "oflag=seek_bytes"],
      ...["conv=nocreat,notrunc,fsync", "status=none"],
    ];
    await mustRun(exec, { file: "dd", args, deadlineMs: copyDeadlineMs, signal });
  }
  const difference = await headerDifference(exec, headerFile, opened);
  if (difference === undefined) return;
  throw new LuksmithError(
    "tampered",
    `what was written to the backup host came back as something else: ${difference}`,
    {
      hint: "the pinned header is in order, and backups go on with it; look after the backup host's disk",
    },
  );
}

/** cmp(1): 0 = the same, 1 = they differ. @returns what is wrong in words, or undefined */
export async function headerDifference(
  exec: Exec,
  headerFile: string,
  { imageDevice, signal }: Pick<Opened, "imageDevice" | "signal">,
): Promise<string | undefined> {
  const bytes = await headerSize(headerFile);
  // blockdev(8): what was written, or read before, would be read from memory otherwise
  await mustRun(exec, { file: "blockdev", args: ["--flushbufs", imageDevice], deadlineMs: compareDeadlineMs, signal });
  const args = [`--bytes=${bytes}`, "--", headerFile, imageDevice];
  const finished = await exec({ file: "cmp", args, deadlineMs: compareDeadlineMs, signal });
  if (finished.exitCode === 0) return undefined;
  if (finished.exitCode !== 1) {
    throw new LuksmithError("tool_failed", `the stored header cannot be read: ${lastWords(finished)}`, {
      cause: finished,
    });
  }
  const byte = /byte (\d+)/.exec(finished.stdout.toString())?.[1] ?? "?";
  return (await isLuks2(exec, imageDevice, signal))
    ? `the stored LUKS header has been altered (first at byte ${byte})`
    : `the image does not begin with a LUKS header any more (first difference at byte ${byte})`;
}

/**
 * How often a header has been changed, as it says itself. Source: LUKS2 On-Disk Format Specification, 2.1, `seqid`
 * @param file a header, or a device that begins with one @returns undefined when it does not
 */
export async function headerChanges(exec: Exec, file: string, signal: AbortSignal): Promise<bigint | undefined> {
  const args = [`if=${file}`, "bs=4096", "count=1", "iflag=fullblock", "status=none"];
  const bytes = await mustRead(exec, { file: "dd", args, deadlineMs: compareDeadlineMs, signal });
  return bytes.length >= 24 && bytes.subarray(0, 6).equals(luksMagic) ? bytes.readBigUInt64BE(16) : undefined;
}

async function headerSize(headerFile: string): Promise<number> {
  try {
    return (await stat(headerFile)).size;
  } catch (cause) {
    if (!hasErrno(cause, "ENOENT")) throw cause;
    throw new LuksmithError("config", `the pinned header ${headerFile} is gone`, { cause });
  }
}
