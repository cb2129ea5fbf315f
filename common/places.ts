/** How many of something there may be at once: for each user, address or name, and in all. */
export class Places<Key extends string | number> {
  readonly #each: number;
  readonly #all: number;
  readonly #taken = new Map<Key, number>();
  #total = 0;

  constructor(each: number, all: number = Number.POSITIVE_INFINITY) {
    this.#each = each;
    this.#all = all;
  }

  /** @returns what gives the place back, once; undefined when there is none */
  take(key: Key): (() => void) | undefined {
    const taken = this.#taken.get(key) ?? 0;
    if (taken >= this.#each || this.#total >= this.#all) return undefined;
    this.#taken.set(key, taken + 1);
    this.#total += 1;
    let isMine = true;
    return () => {
      if (!isMine) return;
      isMine = false;
      this.#total -= 1;
      const left = (this.#taken.get(key) ?? 1) - 1;
      if (left === 0) this.#taken.delete(key);
      else this.#taken.set(key, left);
    };
  }
}
