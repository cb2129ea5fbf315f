/** Chance that is the same each time: what it gives depends on its seed and on how often it was asked, and on nothing else. */

import { createCipheriv, createHash } from "node:crypto";

const wordBytes = 4;
const wordValues = 2 ** 32;
const poolBytes = 4096;

export class RandomSource {
  readonly #stream: ReturnType<typeof createCipheriv>;
  #pool: Buffer = Buffer.alloc(0);

  /** @param seed any words; different ones have nothing in common */
  constructor(...seed: readonly (string | number)[]) {
    const digest = createHash("sha256").update(JSON.stringify(seed)).digest();
    this.#stream = createCipheriv("aes-128-ctr", digest.subarray(0, 16), digest.subarray(16));
  }

  bytes(count: number): Buffer {
    return this.#stream.update(Buffer.alloc(count));
  }

  /** From 0 to 1, this excluded. */
  fraction(): number {
    if (this.#pool.length < wordBytes) this.#pool = this.bytes(poolBytes);
    const word = this.#pool.readUInt32LE();
    this.#pool = this.#pool.subarray(wordBytes);
    return word / wordValues;
  }

  /** Both ends included. */
  whole(from: number, to: number): number {
    return from + Math.floor(this.fraction() * (to - from + 1));
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  pick<T>(choices: readonly [T, ...T[]]): T {
    return choices[Math.floor(this.fraction() * choices.length)] ?? choices[0];
  }

  /** One of several, each with its weight. */
  weighted<T>(choices: readonly [readonly [number, T], ...(readonly [number, T])[]]): T {
    const all = choices.reduce((sum, [weight]) => sum + weight, 0);
    let left = this.fraction() * all;
    for (const [weight, choice] of choices) {
      left -= weight;
      if (left < 0) return choice;
    }
    return choices[0][1];
  }
}
