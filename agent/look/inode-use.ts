/**
 * What snapshots take, where what they share is inodes: each is counted once, and belongs to a snapshot when no other has a name of
 * it. Pure.
 */

export interface Use {
  bytes: number;
  ownBytes: number;
}

/** find(1), -printf %b: "in 512-byte blocks". */
const blockBytes = 512;
/** Begins a record of what can have no second name elsewhere. */
const single = "1";

/** For find's -printf, in one snapshot: of what has one name, and of what has several. */
export const singleFormat = `${single} %b\\0`;
export function sharedFormat(place: number): string {
  return `%D:%i ${place} %b\\0`;
}
/** What has one name; the names of a directory are its own, and those of its subdirectories. */
export const singleTest = ["(", "-links", "1", "-o", "-type", "d", ")"] as const;

export class InodeUse {
  readonly perSnapshot: readonly Use[];
  /** Of all of them, each inode once. */
  together = 0;
  #inode = "";
  #bytes = 0;
  readonly #places = new Set<number>();

  constructor(snapshots: number) {
    this.perSnapshot = Array.from({ length: snapshots }, () => ({ bytes: 0, ownBytes: 0 }));
  }

  /** @returns whether that was all there is to know of it; otherwise it is to come again by {@link push}, sorted */
  takesSingle(record: string, place: number): boolean {
    const [first, blocks] = record.split(" ");
    if (first !== single) return false;
    this.#count(Number(blocks) * blockBytes, [place]);
    return true;
  }

  /** Records in order. */
  push(record: string): void {
    const [inode = "", place, blocks] = record.split(" ");
    if (inode !== this.#inode) this.flush();
    this.#inode = inode;
    this.#bytes = Number(blocks) * blockBytes;
    this.#places.add(Number(place));
  }

  flush(): void {
    if (this.#places.size > 0) this.#count(this.#bytes, [...this.#places]);
    this.#places.clear();
  }

  #count(bytes: number, places: readonly number[]): void {
    this.together += bytes;
    for (const place of places) {
      const use = this.perSnapshot[place];
      if (use === undefined) continue;
      use.bytes += bytes;
      if (places.length === 1) use.ownBytes += bytes;
    }
  }
}
