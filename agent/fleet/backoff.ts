/**
 * When to dial again. Pure: many machines that have lost the same controller are not to come back all at once.
 * Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015 ("full jitter")
 */

const firstRangeMs = 1000;
/** A controller that is started anew is back within a second or two: only after so many does the range grow. */
const evenTries = 3;
/** A controller takes a few hundred handshakes a second: ten thousand machines are spread over this. */
const longestRangeMs = 90_000;
/** What a controller may ask for at the most: it may be gone by then. */
const longestAskedMs = 3_600_000;

export interface Setback {
  /** Rounds of all addresses that came to nothing; a connection that held for a while begins the count anew. */
  readonly failures: number;
  /** As the controller has asked for; 0: as usual. */
  readonly retryAfterMs: number;
  /** Within how much time the controller's machines are to come back, as it has told: by how many they are; 0: it has told nothing. */
  readonly spreadMs: number;
}

/** @param random from 0 to 1, this excluded @returns milliseconds */
export function waitBefore({ failures, retryAfterMs, spreadMs }: Setback, random: number): number {
  const first = Math.min(longestRangeMs, Math.max(firstRangeMs, spreadMs));
  const range = Math.min(longestRangeMs, first * 2 ** Math.min(Math.max(0, failures + 1 - evenTries), 16));
  const asked = Number.isFinite(retryAfterMs) ? Math.min(longestAskedMs, Math.max(0, retryAfterMs)) : 0;
  return asked + Math.floor(random * range);
}

/** The order in which addresses are tried: the one that answered last, then the others as they are listed. */
export function inOrder(addresses: readonly string[], lastAnswered: string | undefined): readonly string[] {
  const known = addresses.filter((address) => address === lastAnswered);
  return [...known, ...addresses.filter((address) => address !== lastAnswered)];
}
