/**
 * cryptsetup-reencrypt(8): another volume key for data that stay where they are. The header is a file or a device of its own, the
 * data's device is nobody else's meanwhile. What it asks for comes by standard input.
 */

import * as z from "zod";
import type { Exec } from "../../common/exec.ts";
import { parseJson } from "../../common/parse-json.ts";
import type { Kdf } from "../config/volume.ts";
import { kdfArgs, kdfDeadlineMs, runCryptsetup } from "./cryptsetup.ts";

const recoveryDeadlineMs = 600_000;
/** It ends when the piece under way is done. */
const graceMs = 5000;
const progressSeconds = 1;
const newline = 0x0a;

export interface Reencrypted {
  /** A file, or a device that holds nothing else. */
  readonly header: string;
  readonly device: string;
}

/** The piece under way is kept in the header. cryptsetup 2.6 and later tell of their progress so that a program can read it. */
const always = ["--batch-mode", "--resilience", "journal", "--force-offline-reencrypt", "--progress-json"];

/** A key is typed where there are several slots, so it must be one line. Pure. */
export function isOneLine(key: Uint8Array): boolean {
  return !key.includes(newline);
}

/**
 * Makes another volume key, and for each slot one beside it that the same key opens. The data stay as they are.
 * @param spec.keys of all slots that there are, in the order of their numbers, one line each
 */
export async function beginReencryption(
  exec: Exec,
  { header, device, keys, kdf }: Reencrypted & { keys: readonly Uint8Array[]; kdf: Kdf | undefined },
  signal: AbortSignal,
): Promise<void> {
  const args = ["reencrypt", "--init-only", ...always, ...kdfArgs(kdf), "--header", header, "--", device];
  const stdin = Buffer.concat(keys.flatMap((key) => [key, Buffer.of(newline)]));
  // each slot is opened, another made, and both volume keys are looked at
  const deadlineMs = (3 * keys.length + 2) * kdfDeadlineMs;
  await runCryptsetup(exec, { file: "cryptsetup", args, stdin, deadlineMs, signal }).finally(() => stdin.fill(0));
}

/** Puts right the piece of data that was under way when an earlier one was cut short. Changes nothing where there is none. */
export async function recoverReencryption(
  exec: Exec,
  { header, device, key }: Reencrypted & { key: Uint8Array },
  signal: AbortSignal,
): Promise<void> {
  const args = ["repair", "--batch-mode", "--key-file", "-", "--header", header, "--", device];
  const deadlineMs = 3 * kdfDeadlineMs + recoveryDeadlineMs;
  await runCryptsetup(exec, { file: "cryptsetup", args, stdin: key, deadlineMs, signal });
}

/** To the end, from wherever it is. @param spec.onProgress gets the bytes of the data that have the new volume key */
export async function continueReencryption(
  exec: Exec,
  { header, device, key, onProgress }: Reencrypted & { key: Uint8Array; onProgress: (bytes: number) => void },
  signal: AbortSignal,
): Promise<void> {
  const args = [
    ...["reencrypt", "--resume-only", ...always, "--progress-frequency", `${progressSeconds}`],
    ...["--key-file", "-", "--header", header, "--", device],
  ];
  let rest = "";
  const onStdout = (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const bytes = parseProgress(line);
      if (bytes !== undefined) onProgress(bytes);
    }
  };
  await runCryptsetup(exec, { file: "cryptsetup", args, stdin: key, onStdout, graceMs, signal });
}

const progressSchema = z.looseObject({ device_bytes: z.string().regex(/^\d{1,15}$/) });

/** Pure. @returns undefined for a line that tells of none. Source: cryptsetup(8), "Notes on --progress-json" */
export function parseProgress(line: string): number | undefined {
  if (!line.startsWith("{")) return undefined;
  const parsed = progressSchema.safeParse(parseJson(line));
  return parsed.success ? Number(parsed.data.device_bytes) : undefined;
}
