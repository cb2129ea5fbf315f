/** Has the kernel read files ahead of whoever will: many at a time, those of some directories together in the order of the disk. */

import { closeSync, constants, fstatSync, openSync } from "node:fs";
import type { Advice } from "./advice.ts";
import type { Allowance } from "./allowance.ts";
import { under } from "./walk.ts";

/** A file is open until it has its turn; a process may have 1024. */
const mostOpen = 256;
/** Beyond that the kernel sees that it is read from one end to the other, and reads ahead by itself. */
const mostOfOneBytes = 2 ** 20;
/** Never a link, nothing that could make us wait for somebody, and no trace. */
const openFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOATIME;

interface Opened {
  readonly fd: number;
  readonly bytes: number;
  readonly firstByte: number;
}

export class FileReader {
  readonly #advice: Advice;
  readonly #allowance: Allowance;
  readonly #open: Opened[] = [];
  /** Of files with several names, which are read once. */
  readonly #seen = new Set<number>();

  constructor(advice: Advice, allowance: Allowance) {
    this.#advice = advice;
    this.#allowance = allowance;
  }

  async add(directory: Buffer, names: readonly Buffer[]): Promise<void> {
    for (const name of names) {
      await this.#allowance.granted();
      this.#take(under(directory, name));
      if (this.#open.length >= mostOpen) this.flush();
    }
  }

  /** Asks for what has come together. */
  flush(): void {
    const inOrder = this.#open.splice(0).sort((one, other) => one.firstByte - other.firstByte);
    for (const { fd, bytes } of inOrder) {
      this.#advice.willNeed(fd, Math.min(bytes, mostOfOneBytes));
      closeSync(fd);
    }
  }

  #take(path: Buffer): void {
    let fd: number;
    try {
      fd = openSync(path, openFlags);
    } catch {
      // whoever is to read it meets the same, and says so
      return;
    }
    const { size, nlink, ino } = fstatSync(fd);
    if (size === 0 || (nlink > 1 && this.#seen.has(ino))) {
      closeSync(fd);
      return;
    }
    if (nlink > 1) this.#seen.add(ino);
    this.#allowance.pass(size);
    this.#open.push({ fd, bytes: size, firstByte: this.#advice.firstByte(fd) });
  }
}
