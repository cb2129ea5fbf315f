/** Writing to a stream that may be slow. */

import { once } from "node:events";
import type { Writable } from "node:stream";

/** Resolves when there is room for more. @throws the signal's reason */
export async function put(stream: Writable, value: unknown, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  if (stream.write(value)) return;
  try {
    await once(stream, "drain", { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}
