/** cryptsetup(8), LUKS2. Keys go in on standard input; exit codes are those of its man page, RETURN CODES. */

import { LuksmithError } from "../../common/errors.ts";
import { type Command, type Exec, type Finished, lastWords } from "../../common/exec.ts";
import type { Kdf } from "../config/volume.ts";

/** Argon2id takes seconds on purpose, and longer on a small machine. */
export const kdfDeadlineMs = 180_000;
const lookDeadlineMs = 20_000;
const wrongKeyExit = 2;
/** LUKS2_KEYSLOTS_MAX of cryptsetup's. */
const slotsAtMost = 32;

/** aes-xts with two 256-bit keys: what cryptsetup itself chooses today, said so that tomorrow's default changes nothing. */
export const cipher = "aes-xts-plain64";
export const volumeKeyBits = 512;
export const sectorBytes = 4096;
/** LUKS2's own default; where the data begins in the image. */
export const dataOffsetBytes = 16 * 2 ** 20;
/**
 * Room for about fifteen slots of 256 KiB and a re-encryption. The default (all of the 16 MiB) is filled with random
 * bytes by luksFormat, every one of which would have to cross the wire.
 */
const keyslotAreaBytes = 4 * 2 ** 20;
/** Both copies of the metadata (16 KiB each) and the keyslot area: as large as `cryptsetup luksHeaderBackup` makes it. */
export const headerBytes = 2 * 16 * 2 ** 10 + keyslotAreaBytes;

/**
 * Formats a file as LUKS2, for data that begins 16 MiB into it. The file must be a little larger than that (sparse is
 * enough); its first {@link headerBytes} bytes are then the header of an image of any size.
 */
export async function formatHeader(
  exec: Exec,
  spec: { file: string; uuid: string; key: Uint8Array; kdf: Kdf | undefined },
  signal: AbortSignal,
): Promise<void> {
  const args = [
    ...["luksFormat", "--batch-mode", "--type", "luks2", "--cipher", cipher, "--key-size", `${volumeKeyBits}`],
    ...["--sector-size", `${sectorBytes}`, "--offset", `${dataOffsetBytes / 512}`],
    ...["--luks2-keyslots-size", `${keyslotAreaBytes}`, "--uuid", spec.uuid, ...kdfArgs(spec.kdf)],
    ...["--key-file", "-", "--", spec.file],
  ];
  await runCryptsetup(exec, { file: "cryptsetup", args, stdin: spec.key, deadlineMs: kdfDeadlineMs, signal });
}

/**
 * Adds another way in. Both keys come by standard input, of which cryptsetup takes as many bytes for the first as it is told
 * (cryptsetup(8), --keyfile-size).
 * @throws {LuksmithError} "wrong_key" when no slot opens with `key`
 */
export async function addKey(
  exec: Exec,
  spec: { headerFile: string; key: Uint8Array; newKey: Uint8Array; kdf: Kdf | undefined },
  signal: AbortSignal,
): Promise<void> {
  const args = [
    ...["luksAddKey", "--batch-mode", "--key-file", "-", "--keyfile-size", `${spec.key.length}`],
    ...[...kdfArgs(spec.kdf), "--", spec.headerFile, "-"],
  ];
  const stdin = Buffer.concat([spec.key, spec.newKey]);
  // twice the work: one slot is opened, another made
  await runCryptsetup(exec, { file: "cryptsetup", args, stdin, deadlineMs: 2 * kdfDeadlineMs, signal }).finally(() =>
    stdin.fill(0),
  );
}

/** Forgets a slot, and writes over what it was made of. In batch mode it asks nobody, not even for the last one. */
export async function killSlot(exec: Exec, headerFile: string, slot: number, signal: AbortSignal): Promise<void> {
  const args = ["luksKillSlot", "--batch-mode", "--", headerFile, `${slot}`];
  await runCryptsetup(exec, { file: "cryptsetup", args, deadlineMs: lookDeadlineMs, signal });
}

/**
 * Which slot the key opens; with `slot` given, whether it opens that one. Nothing is opened by it.
 * @returns undefined when it opens none
 */
export async function slotOf(
  exec: Exec,
  spec: { headerFile: string; key: Uint8Array; slot?: number },
  signal: AbortSignal,
): Promise<number | undefined> {
  const args = [
    ...["open", "--test-passphrase", "--verbose", "--batch-mode", "--type", "luks2", "--key-file", "-"],
    ...(spec.slot === undefined ? [] : ["--key-slot", `${spec.slot}`]),
    ...["--", spec.headerFile],
  ];
  // each slot in turn, and each takes as long as the key derivation does
  const deadlineMs = slotsAtMost * kdfDeadlineMs;
  const tried = await exec({ file: "cryptsetup", args, stdin: spec.key, deadlineMs, signal });
  if (tried.exitCode === wrongKeyExit) return undefined;
  const opened = /^Key slot (\d+) unlocked\.$/m.exec(tried.stdout.toString())?.[1];
  if (tried.exitCode !== 0 || opened === undefined) throw failed("open --test-passphrase", tried);
  return Number(opened);
}

/** What the header says of itself, as JSON. Source: cryptsetup-luksDump(8), --dump-json-metadata */
export async function dumpHeader(exec: Exec, headerFile: string, signal?: AbortSignal): Promise<string> {
  const args = ["luksDump", "--dump-json-metadata", "--", headerFile];
  return (
    await runCryptsetup(exec, { file: "cryptsetup", args, deadlineMs: lookDeadlineMs, signal })
  ).stdout.toString();
}

/** @param token anything with a `type` and `keyslots` (LUKS2 On-Disk Format, 3.4) */
export async function addToken(exec: Exec, headerFile: string, token: object, signal: AbortSignal): Promise<void> {
  const args = ["token", "import", "--json-file", "-", "--", headerFile];
  await runCryptsetup(exec, {
    file: "cryptsetup",
    args,
    stdin: JSON.stringify(token),
    deadlineMs: lookDeadlineMs,
    signal,
  });
}

export async function removeToken(exec: Exec, headerFile: string, id: number, signal: AbortSignal): Promise<void> {
  const args = ["token", "remove", "--token-id", `${id}`, "--", headerFile];
  await runCryptsetup(exec, { file: "cryptsetup", args, deadlineMs: lookDeadlineMs, signal });
}

/**
 * Opens `device` as /dev/mapper/`name` by the header in `headerFile`; whatever header `device` itself has is not read.
 * @throws {LuksmithError} "wrong_key" when no slot opens with the key
 */
export async function openMapping(
  exec: Exec,
  spec: { headerFile: string; device: string; name: string; key: Uint8Array; discards: boolean },
  signal: AbortSignal,
): Promise<void> {
  const args = [
    ...["open", "--batch-mode", "--type", "luks2", "--header", spec.headerFile, "--key-file", "-"],
    ...(spec.discards ? ["--allow-discards"] : []),
    ...["--", spec.device, spec.name],
  ];
  await runCryptsetup(exec, { file: "cryptsetup", args, stdin: spec.key, deadlineMs: kdfDeadlineMs, signal });
}

/** Whether the file has a LUKS2 header that can be read. */
export async function isLuks2(exec: Exec, file: string, signal: AbortSignal): Promise<boolean> {
  const args = ["isLuks", "--type", "luks2", "--", file];
  return (await exec({ file: "cryptsetup", args, deadlineMs: lookDeadlineMs, signal })).exitCode === 0;
}

export function kdfArgs(kdf: Kdf | undefined): string[] {
  if (kdf === undefined) return [];
  if (kdf.type === "argon2id") return ["--pbkdf", "argon2id"];
  return ["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", `${kdf.iterations}`];
}

/** @throws {LuksmithError} "wrong_key"; "tool_failed" with what it said */
export async function runCryptsetup(exec: Exec, command: Command): Promise<Finished> {
  const finished = await exec(command);
  if (finished.exitCode === 0) return finished;
  if (finished.exitCode === wrongKeyExit)
    throw new LuksmithError("wrong_key", "no key slot opens with this key", { cause: finished });
  throw failed(`${command.args[0]}`, finished);
}

function failed(what: string, finished: Finished): LuksmithError {
  const said = finished.exitCode === 3 ? "not enough memory for the key derivation" : lastWords(finished);
  return new LuksmithError("tool_failed", `cryptsetup ${what} failed: ${said}`, { cause: finished });
}
