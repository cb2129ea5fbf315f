/** A stream of bytes that one mark divides into "until here" and "after". */

export class MarkedStream {
  readonly #mark: Buffer;
  readonly #sink: (piece: Buffer) => void;
  readonly #found = Promise.withResolvers<void>();
  /** The end of what came, as long as it may be the beginning of the mark. */
  #held: Buffer = Buffer.alloc(0);
  #done = false;

  /** @param sink gets what comes before the mark, as soon as it is certain that it is not part of it */
  constructor(mark: string, sink: (piece: Buffer) => void) {
    this.#mark = Buffer.from(mark, "latin1");
    this.#sink = sink;
  }

  /** Resolves when the mark has come. */
  get found(): Promise<void> {
    return this.#found.promise;
  }

  write(chunk: Buffer): void {
    if (this.#done) return;
    const bytes = Buffer.concat([this.#held, chunk]);
    const at = bytes.indexOf(this.#mark);
    const keep = at >= 0 ? bytes.length - at : this.#markBegunAtEndOf(bytes);
    if (bytes.length > keep) this.#sink(bytes.subarray(0, bytes.length - keep));
    this.#held = bytes.subarray(bytes.length - keep);
    if (at >= 0) {
      this.#done = true;
      this.#found.resolve();
    }
  }

  /** How many bytes at the end of `bytes` could be the mark's first. */
  #markBegunAtEndOf(bytes: Buffer): number {
    for (let length = Math.min(this.#mark.length - 1, bytes.length); length > 0; length -= 1) {
      if (bytes.subarray(bytes.length - length).equals(this.#mark.subarray(0, length))) return length;
    }
    return 0;
  }
}
