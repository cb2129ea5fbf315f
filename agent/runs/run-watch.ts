/**
 * Following a run: its recorded events from the first to RunEnded, without gap or duplicate, and in between the
 * progress that is only shown, whenever the reader has caught up. A reader's state is one number, its place in the
 * record, so a slow one costs no memory: it reads on where it was, and of shown progress gets the newest.
 */

import { type Run, type RunEvent, RunState } from "../../proto/gen/luksmith/v1/types.ts";
import type { EventRecord } from "./event-record.ts";
import type { RunStore } from "./run-store.ts";

/** A name may have 4 KiB: one reader then holds a megabyte at the worst. */
const batchSize = 256;

/** A run of this agent's life. Ends after RunEnded, at the last event there is unless `follow`, or with `signal`. */
export async function* watchRecord(
  record: EventRecord,
  follow: boolean,
  signal: AbortSignal,
): AsyncGenerator<RunEvent, void, undefined> {
  let seq = 0;
  let shown: RunEvent | undefined;
  const until = follow ? Number.POSITIVE_INFINITY : record.seq;
  while (!signal.aborted) {
    for (const event of record.after(seq, batchSize)) {
      if (event.seq > until || signal.aborted) return;
      yield event;
      seq = event.seq;
    }
    if (seq >= until) return;
    if (seq < record.seq) {
      // the whole run was removed from the history in the meantime
      if (record.after(seq, 1).length === 0) return;
    } else if (record.closed) {
      return;
    } else if (record.shown !== undefined && record.shown !== shown) {
      shown = record.shown;
      yield shown;
    } else {
      await record.changed.wait(signal);
    }
  }
}

/** A run that is over. One whose agent died has no RunEnded on record and is given one here. */
export async function* watchHistory(
  store: RunStore,
  run: Run,
  signal: AbortSignal,
): AsyncGenerator<RunEvent, void, undefined> {
  let seq = 0;
  let ended = false;
  for (let batch = store.eventsAfter(run.id, seq, batchSize); batch.length > 0; ) {
    for (const event of batch) {
      if (signal.aborted) return;
      yield event;
      seq = event.seq;
      ended = event.kind?.$case === "ended";
    }
    batch = store.eventsAfter(run.id, seq, batchSize);
  }
  if (!ended && run.state === RunState.INTERRUPTED && !signal.aborted) {
    yield { seq: seq + 1, time: run.finishedAt, kind: { $case: "ended", value: { run } } };
  }
}
