/**
 * Which versions of files have been seen: of each the number of its inode and when that was changed. In bounded memory, and so with
 * gaps: a version may be taken for new that is not, and is read twice; never the other way round. Pure.
 */

/** A power of two. Two numbers each: 64 MiB, of which is used what is written to. */
const places = 2 ** 22;

export class SeenVersions {
  readonly #inodes = new Float64Array(places);
  readonly #changed = new Float64Array(places);

  /** @returns whether it is new, as far as is known; from now on it is not */
  add(inode: number, changed: number): boolean {
    // neighbours have places of their own
    const place = inode % places;
    if (this.#inodes[place] === inode && this.#changed[place] === changed) return false;
    this.#inodes[place] = inode;
    this.#changed[place] = changed;
    return true;
  }
}
