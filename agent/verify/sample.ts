/**
 * A random choice among the files of a snapshot, of a limited size: every file of that size or less is as likely as any other. The same
 * seed chooses the same, in whatever order the files are found. Pure.
 */

import { createHash, randomBytes } from "node:crypto";

export interface SampleFile {
  /** Relative to the snapshot; any bytes. */
  readonly path: Buffer;
  readonly bytes: number;
}

export interface SampleSize {
  readonly files: number;
  readonly bytes: number;
}

export interface Sample {
  /** By path, which is about the order on the disk. */
  readonly files: readonly SampleFile[];
  readonly size: SampleSize;
  /** All files that there are. */
  readonly of: SampleSize;
  /** Files that are larger than the whole sample may be: none of them is in it. */
  readonly tooLarge: number;
}

/** Each costs a look at both sides, and most of that a round trip. */
const mostFiles = 10_000;
/** Of the number, 48 bits: what a double holds without rounding. */
const keyBytes = 6;

export function newSeed(): string {
  return randomBytes(4).toString("hex");
}

export class Sampler {
  readonly #seed: string;
  readonly #maxBytes: number;
  #chosen: { readonly file: SampleFile; readonly key: number }[] = [];
  #chosenBytes = 0;
  #files = 0;
  #bytes = 0;
  #tooLarge = 0;

  /** @param maxBytes that all chosen files may have together */
  constructor(seed: string, maxBytes: number) {
    this.#seed = seed;
    this.#maxBytes = maxBytes;
  }

  add({ path, bytes }: SampleFile): void {
    this.#files += 1;
    this.#bytes += bytes;
    if (bytes > this.#maxBytes) {
      this.#tooLarge += 1;
      return;
    }
    // a copy: the path may be a part of a chunk that would be kept with it
    this.#chosen.push({ file: { path: Buffer.from(path), bytes }, key: this.#key(path) });
    this.#chosenBytes += bytes;
    // now and then: memory is bounded, and sorting costs little
    if (this.#chosen.length > 2 * mostFiles || this.#chosenBytes > 2 * this.#maxBytes) this.#cut();
  }

  sample(): Sample {
    this.#cut();
    const files = this.#chosen.map(({ file }) => file).toSorted((a, b) => Buffer.compare(a.path, b.path));
    return {
      files,
      size: { files: files.length, bytes: this.#chosenBytes },
      of: { files: this.#files, bytes: this.#bytes },
      tooLarge: this.#tooLarge,
    };
  }

  /** The lowest numbers, as many as there is room for. */
  #cut(): void {
    const inOrder = this.#chosen.toSorted((a, b) => a.key - b.key);
    let bytes = 0;
    let count = 0;
    for (const { file } of inOrder) {
      if (count === mostFiles || bytes + file.bytes > this.#maxBytes) break;
      bytes += file.bytes;
      count += 1;
    }
    this.#chosen = inOrder.slice(0, count);
    this.#chosenBytes = bytes;
  }

  #key(path: Buffer): number {
    return createHash("sha256").update(this.#seed).update("\0").update(path).digest().readUIntBE(0, keyBytes);
  }
}
