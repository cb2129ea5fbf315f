/** What has become of one path between two snapshots. Pure. */

import { Difference } from "../../proto/gen/luksmith/v1/looking.ts";
import { FileEntry_Type } from "../../proto/gen/luksmith/v1/types.ts";
import type { Seen } from "./tree.ts";

/**
 * Two names of one inode are one file. Otherwise a file whose size and time are the same is taken to be the same, as every backup
 * takes it; see {@link isWorthReading}. Times of directories and links alone are no difference: each entry that comes or goes
 * changes its directory's.
 * @param isSameContent as it was found by reading; undefined when nobody has read it
 * @returns undefined when nothing differs
 */
export function difference(
  before: Seen | undefined,
  after: Seen | undefined,
  isSameContent?: boolean,
): Difference | undefined {
  if (before === undefined || after === undefined) {
    return Difference.create({ before: before?.entry, after: after?.entry });
  }
  const [was, is] = [before.entry, after.entry];
  if (was.type !== is.type) return Difference.create({ before: was, after: is, type: true });
  const isFile = was.type === FileEntry_Type.FILE;
  if (isFile && before.inode === after.inode) return undefined;
  const wasTouched = isFile && before.time !== after.time;
  const isSameSize = was.size === is.size;
  const found = {
    content: isFile ? !isSameSize || !(isSameContent ?? !wasTouched) : !was.target.equals(is.target),
    // of a link there is none of its own
    mode: was.type !== FileEntry_Type.SYMLINK && was.mode !== is.mode,
    owner: was.uid !== is.uid || was.gid !== is.gid,
    modified: wasTouched && isSameContent === true,
  };
  if (!Object.values(found).includes(true)) return undefined;
  return Difference.create({ before: was, after: is, ...found });
}

/** Whether only reading both tells if they hold the same. */
export function isWorthReading(before: Seen | undefined, after: Seen | undefined): boolean {
  return (
    before?.entry.type === FileEntry_Type.FILE &&
    after?.entry.type === FileEntry_Type.FILE &&
    before.entry.size === after.entry.size &&
    before.entry.size > 0 &&
    before.inode !== after.inode
  );
}

export class DifferenceCount {
  #added = 0;
  #removed = 0;
  #changed = 0;
  #others = 0;

  add({ before, after, type, content }: Difference): void {
    if (before === undefined) this.#added += 1;
    else if (after === undefined) this.#removed += 1;
    else if (type || content) this.#changed += 1;
    else this.#others += 1;
  }

  get all(): number {
    return this.#added + this.#removed + this.#changed + this.#others;
  }

  toString(): string {
    const others = this.#others === 0 ? "" : `, ${this.#others} with another mode, owner or time`;
    return `${this.#added} added, ${this.#removed} removed, ${this.#changed} changed${others}`;
  }
}
