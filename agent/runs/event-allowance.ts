/** How much one run may put into its record: a run over a million files must not fill /var with the names of them. */

/** Nobody reads more; scripts that need every file have rsync's own log. */
const countLimit = 10_000;
/** 10,000 names of usual length are 1 MB; a path may be 4 KiB long, and 10,000 of those are not wanted. */
const byteLimit = 4 * 2 ** 20;

export type RationedKind = "item" | "warning" | "note";

/** "granted", or "first refused" once and "refused" from then on. */
type Allowed = "granted" | "first refused" | "refused";

export class EventAllowance {
  readonly #used: Record<RationedKind, { count: number; bytes: number; closed: boolean }> = {
    item: { count: 0, bytes: 0, closed: false },
    warning: { count: 0, bytes: 0, closed: false },
    note: { count: 0, bytes: 0, closed: false },
  };

  /** @param bytes of the texts in it, roughly */
  ask(kind: RationedKind, bytes: number): Allowed {
    const used = this.#used[kind];
    if (used.closed) return "refused";
    if (used.count >= countLimit || used.bytes + bytes > byteLimit) {
      used.closed = true;
      return "first refused";
    }
    used.count += 1;
    used.bytes += bytes;
    return "granted";
  }
}
