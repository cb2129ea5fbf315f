import assert from "node:assert/strict";
import { type SnapshotEntry, snapshotEntries } from "../../../agent/snapshots/entries.ts";

const endOfTime = new Date(8.64e15);

/** What a job's directory has, oldest first. @param latest where its link leads, for those that are later than `now` */
export function entriesAt(now: Date, latest: string, ...names: string[]): SnapshotEntry[] {
  const found = names.map((name) => ({ name, type: "d", leadsTo: "" }));
  const entries = snapshotEntries([...found, { name: "latest", type: "l", leadsTo: latest }], now);
  assert.equal(entries.length, names.length, "each of them is a snapshot's name");
  return entries;
}

/** With none of them in the future. */
export function entriesOf(...names: string[]): SnapshotEntry[] {
  return entriesAt(endOfTime, "", ...names);
}
