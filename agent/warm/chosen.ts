/** Which of what a walk comes by is to be read: some paths, and all that is below them. Pure. */

import { under } from "./walk.ts";

const slash = 0x2f;

export class Chosen {
  readonly #paths = new Set<string>();
  /** The directories above them. */
  readonly #above = new Set<string>();

  /** @param paths absolute */
  constructor(paths: readonly Buffer[]) {
    for (const path of paths) {
      this.#paths.add(path.toString("latin1"));
      for (const above of directoriesAbove(path)) this.#above.add(above);
    }
  }

  /** Whether there is something to be read in a directory. */
  leadsTo(directory: Buffer): boolean {
    return this.#above.has(directory.toString("latin1")) || this.#has(directory);
  }

  /** @param names of files in a directory @returns those that are to be read */
  of(directory: Buffer, names: readonly Buffer[]): readonly Buffer[] {
    if (this.#has(directory)) return names;
    return names.filter((name) => this.#paths.has(under(directory, name).toString("latin1")));
  }

  #has(path: Buffer): boolean {
    return [path.toString("latin1"), ...directoriesAbove(path)].some((each) => this.#paths.has(each));
  }
}

function directoriesAbove(path: Buffer): string[] {
  const above: string[] = [];
  for (let at = path.indexOf(slash, 1); at !== -1; at = path.indexOf(slash, at + 1)) {
    above.push(path.toString("latin1", 0, at));
  }
  return above;
}
