/** Reading directories ahead of a program that reads one after another: many at a time, in about the order in which it will come. */

import { readdir } from "node:fs/promises";

/** @param names of what is no directory in it. The walk does not go on from there before it has resolved */
export type Visit = (directory: Buffer, names: readonly Buffer[]) => void | Promise<void>;

/** Whether the walk goes into a directory. */
export type Enters = (directory: Buffer) => boolean;

const slash = Buffer.from("/");

export class Walk {
  /** The next to be read is the last: what lies in a directory comes before what follows it, as rsync and cp do it. */
  readonly #pending: Buffer[];
  readonly #visit: Visit;
  readonly #enters: Enters;
  readonly #workers: number;
  #underWay = 0;
  #wake = Promise.withResolvers<void>();

  /** @param starts absolute; those that are no directories, or not there, are passed over */
  constructor(starts: readonly Buffer[], workers: number, visit: Visit, enters: Enters = () => true) {
    this.#pending = starts.filter(enters).reverse();
    this.#enters = enters;
    this.#workers = workers;
    this.#visit = visit;
  }

  /** Whether the host is asked for something just now. */
  get isReading(): boolean {
    return this.#underWay > 0;
  }

  async run(): Promise<void> {
    await Promise.all(Array.from({ length: this.#workers }, () => this.#work()));
  }

  async #work(): Promise<void> {
    for (;;) {
      const directory = this.#pending.pop();
      if (directory === undefined) {
        if (this.#underWay === 0) return;
        await this.#wake.promise;
        continue;
      }
      const names = await this.#read(directory);
      await this.#visit(directory, names);
    }
  }

  async #read(directory: Buffer): Promise<Buffer[]> {
    this.#underWay += 1;
    const names: Buffer[] = [];
    try {
      const below: Buffer[] = [];
      // whatever goes wrong here, the program that is to read it will meet as well, and say
      for (const entry of await readdir(directory, { withFileTypes: true, encoding: "buffer" }).catch(() => [])) {
        if (entry.isFile()) names.push(entry.name);
        else if (entry.isDirectory()) below.push(under(directory, entry.name));
      }
      this.#pending.push(...below.filter(this.#enters).sort(Buffer.compare).reverse());
    } finally {
      this.#underWay -= 1;
      this.#wake.resolve();
      this.#wake = Promise.withResolvers();
    }
    return names;
  }
}

export function under(directory: Buffer, name: Buffer): Buffer {
  return Buffer.concat([directory, slash, name]);
}
