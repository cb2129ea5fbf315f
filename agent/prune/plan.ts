/** What a prune removes, as directory names. Pure. */

import { LuksmithError } from "../../common/errors.ts";
import { quoteText } from "../../common/quote.ts";
import { newestFinished, type SnapshotEntry } from "../snapshots/entries.ts";
import { parseSnapshotName, partialName } from "../snapshots/name.ts";
import type { Judgement } from "./retention.ts";

export interface PrunePlan {
  readonly remove: readonly string[];
  /** Where `latest` has to lead now, when what it led to goes. */
  readonly latest: string | undefined;
  /** No finished snapshot is left. */
  readonly empties: boolean;
}

/**
 * @param pinned those of the job that are to stay
 * @throws {LuksmithError} "not_found" when a named snapshot is not there, "usage" when it is pinned: nothing is removed then
 */
export function planPrune(
  entries: readonly SnapshotEntry[],
  named: { partial: boolean; snapshots: readonly string[] },
  pinned: { readonly job: string; readonly names: readonly string[] } = { job: "", names: [] },
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
  const kept = named.snapshots.find((name) => pinned.names.includes(name));
  if (kept !== undefined) {
    throw new LuksmithError("usage", `snapshot ${quoteText(kept)} is pinned`, {
      hint: `luksmith unpin ${pinned.job}@${kept}`,
    });
  }
  const partial = named.partial ? entries.filter((entry) => entry.partial).map((entry) => partialName(entry.name)) : [];
  return planOf(entries, (name) => named.snapshots.includes(name), partial);
}

/**
 * @param judgements of all finished snapshots
 * @param abandoned unfinished ones that no backup will go on with, by the names of what they would have become
 */
export function planByPolicy(
  entries: readonly SnapshotEntry[],
  judgements: readonly Judgement[],
  abandoned: readonly string[],
): PrunePlan {
  const doomed = new Set(judgements.filter(({ reasons }) => reasons.length === 0).map(({ name }) => name));
  return planOf(entries, (name) => doomed.has(name), abandoned.map(partialName));
}

/** @param entries oldest first */
function planOf(
  entries: readonly SnapshotEntry[],
  goes: (name: string) => boolean,
  partial: readonly string[],
): PrunePlan {
  const finished = entries.filter((entry) => !entry.partial);
  const kept = finished.filter(({ name }) => !goes(name));
  const doomed = finished.filter(({ name }) => goes(name)).map(({ name }) => name);
  const newest = newestFinished(finished);
  return {
    remove: [...doomed, ...partial],
    latest: newest !== undefined && goes(newest.name) ? newestFinished(kept)?.name : undefined,
    empties: doomed.length > 0 && kept.length === 0,
  };
}

/**
 * What is left to do for an attempt after one that was cut short.
 * @param remove what the first one set out to remove: each may be there still, be gone, or be removed in part
 */
export function planRest(entries: readonly SnapshotEntry[], remove: readonly string[]): PrunePlan {
  const doomed = new Set(remove);
  const kept = entries.filter((entry) => !entry.partial && !doomed.has(entry.name));
  const left = entries.flatMap(({ name, partial }) => {
    const here = partial ? partialName(name) : name;
    return doomed.has(here) || (partial && doomed.has(name)) ? [here] : [];
  });
  const finishedGo = remove.some((name) => parseSnapshotName(name)?.partial === false);
  return {
    remove: left,
    latest: finishedGo ? newestFinished(kept)?.name : undefined,
    empties: finishedGo && kept.length === 0,
  };
}
