/** Writing out what a copy writes while it goes on, at the pace of the link: see pace.ts. */

import type { Clock } from "../../common/clock.ts";
import type { Exec, Running } from "../../common/exec.ts";
import { bytesWritten } from "../system/process-io.ts";
import { syncFilesystem } from "../tools/sync.ts";
import { Pace } from "./pace.ts";

const lookMs = 50;

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
  const pace = new Pace();
  let syncing: Promise<void> | undefined;
  let failure: unknown;
  try {
    while (!over.aborted && !signal.aborted && failure === undefined) {
      const written = await bytesWritten(running.pid);
      const { sync, hold } = pace.advise(written);
      if (sync) {
        pace.begin(written);
        const beganMs = clock.monotonicMs();
        const began = clock.now();
        syncing = syncFilesystem(exec, filesDir, signal).then(
          () => {
            pace.end(clock.monotonicMs() - beganMs);
            onSettled(began.getTime());
          },
          (error: unknown) => {
            failure = error;
          },
        );
      }
      if (hold) {
        running.pause();
        await syncing;
        running.resume();
      } else await clock.sleep(lookMs, over).catch(() => undefined);
    }
  } finally {
    running.resume();
    await syncing;
  }
  if (failure !== undefined) throw failure;
}
