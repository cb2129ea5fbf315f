/** Which snapshot somebody means: "latest", a name, the beginning of one, or a time. Pure. */

import { LuksmithError } from "../../common/errors.ts";
import { newestFinished, type SnapshotEntry } from "./entries.ts";
import { snapshotName } from "./name.ts";

/**
 * @param wanted empty or "latest"; a snapshot's name; a prefix of one ("2026-11-23"), which means the newest that has
 * it; or any ISO 8601 time, which means the newest that is not younger
 * @throws {LuksmithError} "not_found" with what there is
 */
export function selectSnapshot<T extends SnapshotEntry>(snapshots: readonly T[], job: string, wanted: string): T {
  const finished = snapshots.filter((snapshot) => !snapshot.partial).sort((a, b) => (a.name < b.name ? -1 : 1));
  const newest = newestFinished(finished);
  if (newest === undefined) {
    throw new LuksmithError("not_found", `job ${job} has no finished snapshot`, { hint: `luksmith backup ${job}` });
  }
  if (wanted === "" || wanted === "latest") return newest;
  const named = finished.findLast((snapshot) => snapshot.name.startsWith(wanted));
  if (named !== undefined) return named;
  const time = parseTime(wanted);
  const before = time && finished.findLast((snapshot) => snapshot.time.getTime() <= time.getTime());
  if (before) return before;
  throw new LuksmithError("not_found", `job ${job} has no snapshot ${JSON.stringify(wanted)}`, {
    hint: `oldest ${finished[0]?.name}, newest ${newest.name}: luksmith snapshots ${job}`,
  });
}

/** ISO 8601 with or without a zone (then this machine's), or a snapshot-like name that no snapshot has. */
function parseTime(text: string): Date | undefined {
  const like = /^(\d{4}-\d{2}-\d{2}T)(\d{2})-(\d{2})-(\d{2}Z)$/.exec(text);
  const iso = like ? `${like[1]}${like[2]}:${like[3]}:${like[4]}` : text;
  if (!/^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$/.test(iso)) return undefined;
  // the 31st of February would be understood as the 3rd of March
  const midnight = new Date(`${iso.slice(0, 10)}T00:00:00Z`);
  if (Number.isNaN(midnight.getTime()) || !midnight.toISOString().startsWith(iso.slice(0, 10))) return undefined;
  // a day alone means its end, so that "what was there on the 23rd" includes that evening
  const time = new Date(iso.length === 10 ? `${iso}T23:59:59.999` : iso);
  return Number.isNaN(time.getTime()) ? undefined : time;
}

/** A name for a snapshot begun at `now` that no entry has yet: a clock that went back, or two within a second. */
export function freeName(entries: readonly SnapshotEntry[], now: Date): string {
  const taken = new Set(entries.map((entry) => entry.name));
  let time = now.getTime();
  while (taken.has(snapshotName(new Date(time)))) time += 1000;
  return snapshotName(new Date(time));
}
