/** cryptsetup(8), LUKS2. Keys go in on standard input; exit codes are those of its man page, RETURN CODES. */

import { LuksmithError } from "../../common/errors.ts";
import { type Command, type Exec, type Finished, lastWords } from "../../common/exec.ts";
import type { Kdf } from "../config/volume.ts";

/** Argon2id takes seconds on purpose, and longer on a small machine. */
const kdfDeadlineMs = 180_000;
const lookDeadlineMs = 20_000;

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
  await run(exec, { file: "cryptsetup", args, stdin: spec.key, deadlineMs: kdfDeadlineMs, signal });
}

/** Adds a second way in. `keyFile` opens it already; `newKey` comes by standard input. */
export async function addKey(
  exec: Exec,
  spec: { headerFile: string; keyFile: string; newKey: Uint8Array; kdf: Kdf | undefined },
  signal: AbortSignal,
): Promise<void> {
  const args = [
    "luksAddKey",
    "--batch-mode",
    "--key-file",
    spec.keyFile,
    ...kdfArgs(spec.kdf),
    "--",
    spec.headerFile,
    "-",
  ];
  await run(exec, { file: "cryptsetup", args, stdin: spec.newKey, deadlineMs: kdfDeadlineMs, signal });
}

/** The same with the keys the other way about: what opens it already comes by standard input, the new key is in a file. */
export async function addKeyFile(
  exec: Exec,
  spec: { headerFile: string; key: Uint8Array; newKeyFile: string; kdf: Kdf | undefined },
  signal: AbortSignal,
): Promise<void> {
  const args = ["luksAddKey", "--batch-mode", "--key-file", "-", ...kdfArgs(spec.kdf), "--", spec.headerFile];
  const command = { file: "cryptsetup", args: [...args, spec.newKeyFile], stdin: spec.key };
  await run(exec, { ...command, deadlineMs: kdfDeadlineMs, signal });
}

/** Whether a slot opens with the key; nothing is set up. */
export async function opensWith(
  exec: Exec,
  headerFile: string,
  key: Uint8Array,
  signal: AbortSignal,
): Promise<boolean> {
  const args = ["open", "--batch-mode", "--type", "luks2", "--test-passphrase", "--key-file", "-", "--", headerFile];
  const tried = await exec({ file: "cryptsetup", args, stdin: key, deadlineMs: kdfDeadlineMs, signal });
  if (tried.exitCode === 0 || tried.exitCode === 2) return tried.exitCode === 0;
  throw new LuksmithError("tool_failed", `cryptsetup open failed: ${lastWords(tried)}`, { cause: tried });
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
  await run(exec, { file: "cryptsetup", args, stdin: spec.key, deadlineMs: kdfDeadlineMs, signal });
}

/** Whether the file has a LUKS2 header that can be read. */
export async function isLuks2(exec: Exec, file: string, signal: AbortSignal): Promise<boolean> {
  const args = ["isLuks", "--type", "luks2", "--", file];
  return (await exec({ file: "cryptsetup", args, deadlineMs: lookDeadlineMs, signal })).exitCode === 0;
}

function kdfArgs(kdf: Kdf | undefined): string[] {
  if (kdf === undefined) return [];
  if (kdf.type === "argon2id") return ["--pbkdf", "argon2id"];
  return ["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", `${kdf.iterations}`];
}

async function run(exec: Exec, command: Command): Promise<Finished> {
  const finished = await exec(command);
  if (finished.exitCode === 0) return finished;
  if (finished.exitCode === 2)
    throw new LuksmithError("wrong_key", "no key slot opens with this key", { cause: finished });
  const said = finished.exitCode === 3 ? "not enough memory for the key derivation" : lastWords(finished);
  throw new LuksmithError("tool_failed", `cryptsetup ${command.args[0]} failed: ${said}`, { cause: finished });
}
