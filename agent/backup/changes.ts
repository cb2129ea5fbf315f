/** From what rsync says would change in a snapshot to what has to be done in a copy of it. Pure. */

import { ancestors } from "../restore/paths.ts";
import type { RsyncItem } from "../tools/rsync-output.ts";

/** Each is a rule that rsync compares every name with, in the directories that it looks into for them. */
const mostChanges = 5000;
/** A rule, in which every byte may be escaped, must stay below rsync's MAXPATHLEN: it passes over a longer one. */
const longestPathBytes = 2000;

export interface Changes {
  /** What must not be shared with the older snapshot: everything that differs and is no directory, and what is gone. */
  readonly remove: readonly Buffer[];
  /** What is to be copied from the machine, directories for their attributes alone. */
  readonly copy: readonly Change[];
}

export function isNone({ remove, copy }: Changes): boolean {
  return remove.length === 0 && copy.length === 0;
}

export interface Change {
  readonly path: Buffer;
  /** As rsync itemizes it: f, d, L, D (device), S (FIFO or socket). */
  readonly type: string;
  /** It is to be made anew: everything but a directory that is in the older snapshot as well. */
  readonly isNew: boolean;
}

/** What is to be made anew and has not been yet; rsync's items cross it off. */
export class Outstanding {
  readonly #types: Map<string, string>;

  constructor(copy: readonly Change[]) {
    this.#types = new Map(copy.flatMap(({ path, type, isNew }) => (isNew ? [[key(path), type]] : [])));
  }

  crossOff({ changes, path: shown }: RsyncItem): void {
    const path = key(bare(shown));
    // a "+" for every attribute: there was nothing before
    if (changes[1] === this.#types.get(path) && changes[2] === "+") this.#types.delete(path);
  }

  get isEmpty(): boolean {
    return this.#types.size === 0;
  }
}

/**
 * Collects rsync's items. Paths are relative, as in the snapshot.
 *
 * Hard links are left to rsync, which has to see all names of a file to keep them together: a change among them makes it
 * `undefined`, as do a change of the root directory itself, and many changes.
 */
export class ChangeCollector {
  readonly #remove = new Map<string, Buffer>();
  readonly #copy = new Map<string, Change>();
  /** Directories that something is taken out of. */
  readonly #touched = new Map<string, Buffer>();
  #isSimple = true;

  /** @returns false when nothing more is of use: {@link changes} is undefined */
  add(item: RsyncItem): boolean {
    if (this.#isSimple) this.#take(item);
    return this.#isSimple;
  }

  #take({ changes, path: shown }: RsyncItem): void {
    const path = bare(shown);
    const [update, type = ""] = changes;
    // "." is the root directory, as a source
    const isOdd = path.length === 0 || path.equals(dot) || path.length > longestPathBytes;
    if (update === "h" || isOdd || this.#remove.size + this.#copy.size >= mostChanges) {
      this.#isSimple = false;
      return;
    }
    if (changes.startsWith("*deleting")) {
      put(this.#remove, path);
      // that changes its time, and what happened on the machine may not have: the pattern of an exclude came
      const above = ancestors(path).at(-1);
      // directly below the root directory
      if (above === undefined) this.#isSimple = false;
      else put(this.#touched, above);
      return;
    }
    // a directory that is there already keeps what is in it
    const isNew = type !== "d" || update === "c";
    if (isNew) put(this.#remove, path);
    this.#copy.set(key(path), { path, type, isNew });
  }

  changes(): Changes | undefined {
    if (!this.#isSimple) return undefined;
    const gone = (path: Buffer) => this.#remove.has(key(path));
    // what is below something that is removed goes with it
    const remove = [...this.#remove.values()].filter((path) => !ancestors(path).some(gone));
    for (const path of this.#touched.values()) {
      if (!gone(path) && !ancestors(path).some(gone)) this.#copy.set(key(path), { path, type: "d", isNew: false });
    }
    return { remove, copy: [...this.#copy.values()] };
  }
}

const slash = 0x2f;
const dot = Buffer.from(".");

function key(path: Buffer): string {
  return path.toString("latin1");
}

function put(map: Map<string, Buffer>, path: Buffer): void {
  map.set(key(path), path);
}

/** rsync shows a slash behind directories, and one in front of everything but what it deletes. */
function bare(path: Buffer): Buffer {
  const from = path[0] === slash ? 1 : 0;
  return path.subarray(from, path.length > from && path.at(-1) === slash ? -1 : undefined);
}
