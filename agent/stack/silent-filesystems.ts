/**
 * A program that works for a user may ask a file system of that user's own (FUSE), which answers when it likes, or never; until then nothing
 * can end the program. What it has open of a volume would keep that from being released: so the file system is ended.
 */

import { abortFuseOf, waitsForFuse } from "../system/fuse-of-user.ts";
import type { Host } from "../system/host.ts";
import { holdersOf } from "../tools/holders.ts";

/** Within what the stack gives a cancelled run (stack.ts): the volume is not to suffer for it. */
const cancelledPatienceMs = 1000;

type SilentHost = Pick<Host, "exec" | "clock" | "log">;

/**
 * Does so when `signal` is aborted and the program is not done soon after that.
 * @param place that the program works in
 * @returns to be disposed of when it is done
 */
export function onceCancelled(host: SilentHost, place: string, uid: number, signal: AbortSignal): Disposable {
  const done = new AbortController();
  const onAbort = () =>
    host.clock.sleep(cancelledPatienceMs, done.signal).then(
      () => endSilentFilesystems(host, place, uid),
      () => undefined,
    );
  signal.addEventListener("abort", onAbort, { once: true });
  return {
    [Symbol.dispose]: () => {
      done.abort();
      signal.removeEventListener("abort", onAbort);
    },
  };
}

/** Those of the user's that owe somebody an answer, if somebody who has something open in `place` waits for one. */
export async function endSilentFilesystems(
  { exec, log }: Pick<SilentHost, "exec" | "log">,
  place: string,
  uid: number,
): Promise<void> {
  try {
    const waiting = await Promise.all((await holdersOf(exec, place)).map(waitsForFuse));
    if (!waiting.includes(true)) return;
    log.warn(
      { uid },
      "a program of a user's does not end: file systems of the user's own that do not answer are ended",
    );
    await abortFuseOf(uid);
  } catch (error) {
    log.warn({ err: error, uid }, "file systems of a user's own cannot be ended");
  }
}
