/** Writing out what a copy writes while it goes on, at the pace of the link: see pace.ts. */

import { type Clock, pause } from "../../common/clock.ts";
import type { Exec, Running } from "../../common/exec.ts";
import { bytesWritten } from "../system/process-io.ts";
import { syncFilesystem } from "../tools/sync.ts";
import { Pace } from "./pace.ts";

/**
 * @param work starts the copy, and says so
 * @param filesDir on the file system that it writes to
 * @param onSettled what was written before then, in milliseconds since 1970, is on the backup host's disk
 * @throws what `work` throws, or what the writing out does: the kernel tells each failed write once, and here it may be that
 *   it is told
 */
export async function withWriteBehind<T>(
  { exec, clock }: { exec: Exec; clock: Clock },
  filesDir: string,
  signal: AbortSignal,
  work: (onStart: (running: Running) => void, signal: AbortSignal) => Promise<T>,
  onSettled: (beganMs: number) => void = () => undefined,
): Promise<T> {
  const broken = new AbortController();
  const over = new AbortController();
  const either = AbortSignal.any([signal, broken.signal]);
  let watching = Promise.resolve();
  const onStart = (running: Running) => {
    watching = writeBehind({ exec, clock, filesDir, onSettled }, running, over.signal, either).catch((error: unknown) =>
      broken.abort(error),
    );
  };
  try {
    const result = await work(onStart, either);
    over.abort();
    await watching;
    broken.signal.throwIfAborted();
    return result;
  } finally {
    over.abort();
    await watching;
  }
}

async function writeBehind(
  { exec, clock, filesDir, onSettled }: { exec: Exec; clock: Clock; filesDir: string; onSettled: (ms: number) => void },
  running: Running,
  over: AbortSignal,
  signal: AbortSignal,
): Promise<void> {
  const pace = new Pace(clock.monotonicMs());
  const syncing = new Set<Promise<void>>();
  let failure: unknown;
  let settledMs = Number.NEGATIVE_INFINITY;
  const writeOut = async (written: number): Promise<void> => {
    const began = clock.now();
    const piece = pace.begin(written, clock.monotonicMs());
    try {
      await syncFilesystem(exec, filesDir, signal);
      pace.end(piece, clock.monotonicMs());
      // one that began before may end after; and once one was told of a failure, the next are not
      if (failure !== undefined || began.getTime() <= settledMs) return;
      settledMs = began.getTime();
      onSettled(settledMs);
    } catch (error) {
      failure ??= error;
    }
  };
  try {
    while (!over.aborted && !signal.aborted && failure === undefined) {
      const written = await bytesWritten(running.pid);
      // told meanwhile; then there may be nothing on its way that would end a pause
      if (failure !== undefined) break;
      const { sync, hold, lookInMs } = pace.advise(written, clock.monotonicMs());
      if (sync) {
        const one: Promise<void> = writeOut(written).finally(() => syncing.delete(one));
        syncing.add(one);
      }
      if (hold) {
        running.pause();
        await Promise.race(syncing);
      } else {
        running.resume();
        await pause(clock, lookInMs, over);
      }
    }
  } finally {
    running.resume();
    await Promise.all(syncing);
  }
  if (failure !== undefined) throw failure;
}
