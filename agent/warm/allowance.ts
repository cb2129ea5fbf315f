/** How far ahead of the reader one may be. */

/** So much ahead of the reader, in bytes of the files that it reads: little beside a machine's memory, and seconds of a link. */
const aheadBytes = 96 * 2 ** 20;

export class Allowance {
  #allowed = aheadBytes;
  #passed = 0;
  #more = Promise.withResolvers<void>();

  /** @param bytes that the reader has read, all in all */
  readerIsAt(bytes: number): void {
    this.#allowed = Math.max(this.#allowed, bytes + aheadBytes);
    this.#more.resolve();
    this.#more = Promise.withResolvers();
  }

  /** So many bytes have been passed, whether all of them were asked for or not. */
  pass(bytes: number): void {
    this.#passed += bytes;
  }

  /** Resolves when the reader is near enough. */
  async granted(): Promise<void> {
    while (this.#passed > this.#allowed) await this.#more.promise;
  }
}
