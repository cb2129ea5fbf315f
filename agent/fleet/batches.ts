/** Items as they come, gathered for a moment: a message for each would cost more than what is in it. */

import type { Clock } from "../../common/clock.ts";

interface BatchLimits {
  readonly count: number;
  /** Of all in it, as `sizeOf` says; one alone may be larger. */
  readonly bytes: number;
  /** After the first has come. */
  readonly lingerMs: number;
}

export async function* inBatches<Item>(
  items: AsyncIterable<Item>,
  { count, bytes, lingerMs }: BatchLimits,
  sizeOf: (item: Item) => number,
  clock: Clock,
): AsyncGenerator<Item[], void, undefined> {
  const iterator = items[Symbol.asyncIterator]();
  try {
    let next = iterator.next();
    for (let first = await next; first.done !== true; first = await next) {
      const batch = [first.value];
      let size = sizeOf(first.value);
      next = iterator.next();
      // who stops reading must not leave a rejection behind that nobody sees
      next.catch(() => undefined);
      const over = new AbortController();
      const lingered = clock.sleep(lingerMs, over.signal).then(
        () => undefined,
        () => undefined,
      );
      while (batch.length < count && size < bytes) {
        const another = await Promise.race([next, lingered]);
        if (another === undefined || another.done === true) break;
        batch.push(another.value);
        size += sizeOf(another.value);
        next = iterator.next();
        next.catch(() => undefined);
      }
      over.abort();
      yield batch;
    }
  } finally {
    // not waited for: it may be waiting itself for what never comes, until its signal is aborted
    Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}
