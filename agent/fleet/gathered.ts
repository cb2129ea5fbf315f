/** Items that are handed on by the hundred: a message for each would cost more than what is in it. */

const countLimit = 200;
const byteLimit = 128 * 2 ** 10;

export class Gathered<Item> {
  readonly #send: (items: Item[]) => Promise<void>;
  readonly #sizeOf: (item: Item) => number;
  #items: Item[] = [];
  #bytes = 0;

  constructor(send: (items: Item[]) => Promise<void>, sizeOf: (item: Item) => number) {
    this.#send = send;
    this.#sizeOf = sizeOf;
  }

  /** Resolves when another can be taken. */
  async add(item: Item): Promise<void> {
    this.#items.push(item);
    this.#bytes += this.#sizeOf(item);
    if (this.#items.length >= countLimit || this.#bytes >= byteLimit) await this.flush();
  }

  async flush(): Promise<void> {
    if (this.#items.length === 0) return;
    const items = this.#items;
    this.#items = [];
    this.#bytes = 0;
    await this.#send(items);
  }
}
