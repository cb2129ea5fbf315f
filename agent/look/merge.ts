/** Two sorted lists side by side, each as it comes: what only one of them has, and what both have. */

import { splitSortable } from "./sortable-path.ts";

type Records = AsyncIterable<readonly string[]>;

/** May be called for millions: it returns a promise only where there is something to wait for. */
export type OnPair = (before: string | undefined, after: string | undefined) => Promise<void> | undefined;

/** Pairs that are the same to the letter are passed over. */
export async function merge(before: Records, after: Records, onPair: OnPair): Promise<void> {
  const left = new Side(before);
  const right = new Side(after);
  for (;;) {
    if (left.isEmpty) await left.more();
    if (right.isEmpty) await right.more();
    if (left.record === undefined && right.record === undefined) return;
    const order = compare(left, right);
    const one = order <= 0 ? left.record : undefined;
    const other = order >= 0 ? right.record : undefined;
    if (one !== other) await onPair(one, other);
    if (order <= 0) left.next();
    if (order >= 0) right.next();
  }
}

function compare(left: Side, right: Side): number {
  if (left.record === undefined) return 1;
  if (right.record === undefined) return -1;
  if (left.record === right.record) return 0;
  const { key: one } = splitSortable(left.record);
  const { key: other } = splitSortable(right.record);
  return one === other ? 0 : one < other ? -1 : 1;
}

class Side {
  readonly #batches: AsyncIterator<readonly string[]>;
  #batch: readonly string[] = [];
  #at = 0;
  #ended = false;

  constructor(records: Records) {
    this.#batches = records[Symbol.asyncIterator]();
  }

  /** Undefined at the end, and when there is to be {@link more}. */
  get record(): string | undefined {
    return this.#batch[this.#at];
  }

  get isEmpty(): boolean {
    return !this.#ended && this.#at >= this.#batch.length;
  }

  next(): void {
    this.#at += 1;
  }

  async more(): Promise<void> {
    while (this.isEmpty) {
      const next = await this.#batches.next();
      if (next.done === true) this.#ended = true;
      else this.#batch = next.value;
      this.#at = 0;
    }
    if (this.#ended) this.#batch = [];
  }
}
