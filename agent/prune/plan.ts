/** What a prune removes, as directory names. Pure. */

import { LuksmithError } from "../../common/errors.ts";
import { parseSnapshotName, partialName } from "../snapshots/name.ts";
import type { SnapshotEntry } from "../snapshots/select.ts";

export interface PrunePlan {
  readonly remove: readonly string[];
  /** Where `latest` has to lead now, when what it led to goes. */
  readonly latest: string | undefined;
  /** No finished snapshot is left. */
  readonly empties: boolean;
}

/** @throws {LuksmithError} "not_found" when a named snapshot is not there: nothing is removed then */
export function planPrune(
  entries: readonly SnapshotEntry[],
  named: { partial: boolean; snapshots: readonly string[] },
): PrunePlan {
  const finished = entries.filter((entry) => !entry.partial).map((entry) => entry.name);
  const unknown = named.snapshots.filter((name) => !finished.includes(name));
  if (unknown.length > 0) {
    throw new LuksmithError(
      "not_found",
      `there is no finished snapshot ${unknown.map((name) => JSON.stringify(name)).join(", ")}`,
      {
        hint: "give names in full, as `luksmith snapshots` prints them",
      },
    );
  }
  const partial = named.partial ? entries.filter((entry) => entry.partial).map((entry) => partialName(entry.name)) : [];
  const doomed = finished.filter((name) => named.snapshots.includes(name));
  const kept = finished.filter((name) => !named.snapshots.includes(name));
  const newestGoes = doomed.includes(finished.at(-1) ?? "");
  return {
    remove: [...doomed, ...partial],
    latest: newestGoes ? kept.at(-1) : undefined,
    empties: doomed.length > 0 && kept.length === 0,
  };
}

/**
 * What is left to do for an attempt after one that was cut short.
 * @param remove what the first one set out to remove: each may be there still, be gone, or be removed in part
 */
export function planRest(entries: readonly SnapshotEntry[], remove: readonly string[]): PrunePlan {
  const doomed = new Set(remove);
  const kept = entries.filter((entry) => !entry.partial && !doomed.has(entry.name)).map((entry) => entry.name);
  const left = entries.flatMap(({ name, partial }) => {
    const here = partial ? partialName(name) : name;
    return doomed.has(here) || (partial && doomed.has(name)) ? [here] : [];
  });
  const finishedGo = remove.some((name) => parseSnapshotName(name)?.partial === false);
  return {
    remove: left,
    latest: finishedGo ? kept.at(-1) : undefined,
    empties: finishedGo && kept.length === 0,
  };
}
