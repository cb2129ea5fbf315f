/**
 * Keeping many reads in flight for a program that reads a volume one thing after another, as rsync and cp do: each directory,
 * and each small file, that is not in memory costs a round trip. A child reads the same ahead of it; see main.ts.
 *
 * It is started when the program is seen to wait: where answers come at once it would only take time. Whatever becomes of
 * it, the program reads what it has to read, later.
 */

import { PassThrough } from "node:stream";
import { fileURLToPath } from "node:url";
import { allOrNone } from "../../common/all-settled.ts";
import { pause } from "../../common/clock.ts";
import { lastWords, type Running } from "../../common/exec.ts";
import { answersInTurn } from "../system/block-devices.ts";
import { type BlockIo, blockIo } from "../system/block-io.ts";
import type { Host } from "../system/host.ts";
import { bytesRead } from "../system/process-io.ts";
import { wholeVolumeDeadlineMs } from "../tools/deadlines.ts";
import { nullTerminated } from "../tools/null-terminated.ts";

/** The number of directories that are asked for at a time: on a link of 50 ms, 640 a second. */
const workers = 32;
const lookMs = 500;
/** Of the time between two looks, that the reads which have come back in it were under way. */
const waitingShare = 0.5;
/** A local disk answers sooner, most of the time. */
const slowReadMs = 3;

export interface WarmingSpec {
  /** Block device that they are read from, such as "/dev/dm-3". */
  readonly device: string;
  /** Absolute: directories, read with all that is below them. */
  readonly starts: readonly Buffer[];
  /** The program reads the files as well, as many bytes as are in them; otherwise directories alone. */
  readonly files: boolean;
  /**
   * Of the files, which it is going to read, as absolute paths; a directory stands for all that is below it. Asked where there is
   * something to be gained by it, when the directories have been read. Default: all of them.
   */
  readonly chosen?: ((signal: AbortSignal) => Promise<readonly Buffer[]>) | undefined;
}

/** Whether what reads from the device waits for one answer after another. Pure. */
export function isWaiting(before: BlockIo, now: BlockIo, ms: number): boolean {
  const reads = now.reads - before.reads;
  const readMs = now.readMs - before.readMs;
  return readMs >= ms * waitingShare && readMs >= reads * slowReadMs;
}

/** @param work given what to call when the reading program has started */
export async function withWarming<T>(
  host: Host,
  spec: WarmingSpec,
  signal: AbortSignal,
  work: (onStart: (running: Running) => void) => Promise<T>,
): Promise<T> {
  const over = new AbortController();
  const within = AbortSignal.any([signal, over.signal]);
  let reader: Running | undefined;
  const warming = warm(host, spec, () => reader?.pid, within).catch((error: unknown) => {
    if (!within.aborted) host.log.info({ err: error }, "could not read ahead");
  });
  try {
    return await work((running) => {
      reader = running;
    });
  } finally {
    // nothing of it is left on the volume when the verb goes on
    over.abort();
    await warming;
  }
}

async function warm(
  host: Host,
  { device, starts, files, chosen }: WarmingSpec,
  readerPid: () => number | undefined,
  signal: AbortSignal,
): Promise<void> {
  if (starts.length === 0 || !(await isNeeded(host, device, signal))) return;
  host.log.debug({ device, files }, "reading ahead");
  if (!files || (await answersInTurn(device))) return readAhead(host, { starts }, undefined, signal);
  if (chosen === undefined) return readAhead(host, { starts }, readerPid, signal);
  // whoever chooses looks through all of them
  await readAhead(host, { starts }, undefined, signal);
  const only = await chosen(signal);
  if (only.length > 0) await readAhead(host, { starts, only }, readerPid, signal);
}

/** @param readerPid of the program that reads the files; undefined to have the directories read alone */
async function readAhead(
  { clock, exec }: Host,
  { starts, only = [] }: { starts: readonly Buffer[]; only?: readonly Buffer[] },
  readerPid: (() => number | undefined) | undefined,
  signal: AbortSignal,
): Promise<void> {
  const stdin = new PassThrough();
  const what = Buffer.from(readerPid === undefined ? "directories" : "files");
  stdin.write(nullTerminated([what, ...starts, Buffer.alloc(0), ...only, Buffer.alloc(0)]));
  const over = new AbortController();
  const [finished] = await allOrNone(
    over,
    exec({
      file: process.execPath,
      args: ["--jitless", "--max-semi-space-size=1", "--v8-pool-size=1", warmerProgram()],
      env: { UV_THREADPOOL_SIZE: `${workers}` },
      brief: true,
      silent: true,
      endsUntidily: true,
      stdin,
      deadlineMs: wholeVolumeDeadlineMs,
      signal: AbortSignal.any([signal, over.signal]),
    }).finally(() => over.abort()),
    sayWhereReaderIs(),
  );
  if (finished.exitCode !== 0) throw new Error(lastWords(finished));

  async function sayWhereReaderIs(): Promise<void> {
    while (readerPid !== undefined && !over.signal.aborted) {
      const pid = readerPid();
      if (pid !== undefined) stdin.write(`${await bytesRead(pid)}\0`);
      await pause(clock, lookMs, over.signal);
    }
  }
}

/** Looks at the device until its reader waits. @returns false when there is nothing to be looked at any more */
async function isNeeded({ clock }: Host, device: string, signal: AbortSignal): Promise<boolean> {
  let before = await blockIo(device);
  let beganMs = clock.monotonicMs();
  while (before !== undefined) {
    await clock.sleep(lookMs, signal);
    const now = await blockIo(device);
    if (now === undefined) return false;
    const nowMs = clock.monotonicMs();
    if (isWaiting(before, now, nowMs - beganMs)) return true;
    before = now;
    beganMs = nowMs;
  }
  return false;
}

/** Beside the agent's own file, as they are built, or beside this one. */
function warmerProgram(): string {
  const here = import.meta.url;
  return fileURLToPath(new URL(here.endsWith(".ts") ? "./main.ts" : "./luksmith-warmer.mjs", here));
}
