/**
 * A program that works for a user may ask a file system of that user's own (FUSE), which answers when it likes, or never; until then nothing
 * can end the program. What it has open of a volume would keep that from being released: so the file system is ended.
 */

import { abortFuseOf } from "../system/fuse-of-user.ts";
import type { Host } from "../system/host.ts";

/** Within what the stack gives a cancelled run (stack.ts): the volume is not to suffer for it. */
const cancelledPatienceMs = 1000;

/** Does so when `signal` is aborted and the program is not done soon after that. @returns to be disposed of when it is done */
export function onceCancelled(
  { clock, log }: Pick<Host, "clock" | "log">,
  uid: number,
  signal: AbortSignal,
): Disposable {
  const done = new AbortController();
  const onAbort = () =>
    clock.sleep(cancelledPatienceMs, done.signal).then(
      () => endSilentFilesystems(log, uid),
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

/** Those of the user's that owe somebody an answer. */
export async function endSilentFilesystems(log: Host["log"], uid: number): Promise<void> {
  log.warn({ uid }, "a program of a user's does not end: file systems of the user's own that do not answer are ended");
  await abortFuseOf(uid).catch((error: unknown) => log.warn({ err: error }, "they cannot be ended"));
}
