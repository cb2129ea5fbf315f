/** Lines that are not written one by one, because their user has had so many: what remains of them is how many of each kind there were. */

import type { AuditEntry } from "./entry.ts";

/** Of each user: there are not many more verbs. */
const kindsEach = 32;
const otherVerbs = "other";

interface Counted {
  readonly first: AuditEntry;
  readonly newest: Date;
  readonly count: number;
}

export class CountedLines {
  #counted = new Map<string, Counted>();
  readonly #kinds = new Map<number | null, number>();

  get isEmpty(): boolean {
    return this.#counted.size === 0;
  }

  add(entry: AuditEntry): void {
    const own = this.#kinds.get(entry.uid) ?? 0;
    const kind = this.#counted.has(keyOf(kindOf(entry))) || own < kindsEach ? kindOf(entry) : otherOf(entry);
    const key = keyOf(kind);
    const before = this.#counted.get(key);
    if (before === undefined) this.#kinds.set(entry.uid, own + 1);
    this.#counted.set(key, {
      first: before?.first ?? kind,
      newest: entry.time,
      count: (before?.count ?? 0) + 1,
    });
  }

  /** A line for each kind. */
  lines(): AuditEntry[] {
    return [...this.#counted.values()].map(({ first, newest, count }) => ({
      ...first,
      time: newest,
      reason: `${count} like this since ${first.time.toISOString()}, and more than are written down one by one`,
    }));
  }

  clear(): void {
    this.#counted.clear();
    this.#kinds.clear();
  }
}

/** Of what is refused, the names are whatever the caller has typed. */
function kindOf(entry: AuditEntry): AuditEntry {
  const { volume, job } = entry.decision === "refused" ? { volume: "", job: "" } : entry;
  return { ...entry, id: "", pid: null, run: "", volume, job, sources: [] };
}

function otherOf(entry: AuditEntry): AuditEntry {
  return { ...entry, id: "", pid: null, run: "", volume: "", job: "", sources: [], verb: otherVerbs };
}

function keyOf({ uid, decision, verb, volume, job }: AuditEntry): string {
  return JSON.stringify([uid, decision, verb, volume, job]);
}
