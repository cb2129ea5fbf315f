/**
 * Whose message is dealt with next, of the large ones: so many bytes of them at a time, in the order in which they have come. What
 * thousands of machines report in the same moment would otherwise be decoded before anything else has its turn, and wait in memory
 * for the database. Each stream waits for its last message, so the rest stays with who sends it.
 */

export interface Turn {
  /** Safe to call twice. */
  end(): void;
}

export class Turns {
  readonly #waiting: { readonly bytes: number; readonly begin: () => void }[] = [];
  #left: number;
  readonly #most: number;

  /** @param bytes that are dealt with at a time; a message that is larger than that is alone */
  constructor(bytes: number) {
    this.#most = bytes;
    this.#left = bytes;
  }

  /** Resolves when it is there; it has to be ended. */
  async take(bytes: number): Promise<Turn> {
    const counted = Math.min(bytes, this.#most);
    if (this.#waiting.length > 0 || counted > this.#left) {
      await new Promise<void>((begin) => this.#waiting.push({ bytes: counted, begin }));
    } else {
      this.#left -= counted;
    }
    let isOver = false;
    return {
      end: () => {
        if (isOver) return;
        isOver = true;
        this.#left += counted;
        this.#admit();
      },
    };
  }

  #admit(): void {
    for (let next = this.#waiting[0]; next !== undefined && next.bytes <= this.#left; next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#left -= next.bytes;
      next.begin();
    }
  }
}
