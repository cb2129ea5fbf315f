/**
 * The events of one run while it is under way: numbers them, hands them to those who watch, and writes them to the
 * store in batches.
 *
 * Two kinds of event leave here. Recorded ones count 1, 2, 3 without a gap and can be read again at any time, from
 * memory while they wait to be written and from the store afterwards. A shown one (progress, several times a second)
 * is there for who watches at this moment: only the newest is held, and it carries the seq of the recorded event it
 * follows, so that a watcher's place in the record is always the highest seq it was given.
 *
 * When the store fails, events wait in memory, which EventAllowance bounds, and the writing is tried again.
 */

import type { Clock } from "../../common/clock.ts";
import { type Progress, type Run, RunEvent } from "../../proto/gen/luksmith/v1/types.ts";
import { Change } from "./change.ts";
import type { EncodedEvent, RunStore } from "./run-store.ts";

export type EventKind = NonNullable<RunEvent["kind"]>;

/** A crash of the agent may cost this much of the log of a run; a write per event would cost the backup more. */
const writeEveryMs = 500;
/** A failing disk is not asked more often than that. */
const retryEveryMs = 10_000;
const batchSize = 500;

interface Waiting extends EncodedEvent {
  readonly event: RunEvent;
}

export class EventRecord {
  /** Rings when there is an event to read, recorded or shown. */
  readonly changed = new Change();
  readonly #store: RunStore;
  readonly #clock: Clock;
  #run: Run;
  #runWritten = false;
  #seq = 0;
  readonly #waiting: Waiting[] = [];
  #shown: RunEvent | undefined;
  #progress: Progress | undefined;
  #timer: AbortController | undefined;
  #failing = false;
  #closed = false;

  constructor(run: Run, store: RunStore, clock: Clock) {
    this.#run = run;
    this.#store = store;
    this.#clock = clock;
  }

  get run(): Run {
    return this.#run;
  }

  /** The newest recorded event's number. */
  get seq(): number {
    return this.#seq;
  }

  /** The newest that was only shown, as long as nothing was recorded after it. */
  get shown(): RunEvent | undefined {
    return this.#shown;
  }

  /** The newest, recorded or shown. */
  get progress(): Progress | undefined {
    return this.#progress;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** @throws when protobuf cannot hold the event; nothing is recorded then */
  record(kind: EventKind): void {
    const event: RunEvent = { seq: this.#seq + 1, time: this.#clock.now(), kind };
    this.#waiting.push({ event, seq: event.seq, bytes: RunEvent.encode(event).finish() });
    this.#seq = event.seq;
    this.#shown = undefined;
    if (kind.$case === "progress") this.#progress = kind.value;
    this.changed.ring();
    // what a run is about to do should be on record should it be its last; the rest can wait a moment
    const soon = kind.$case === "started" || kind.$case === "stepBegan" || kind.$case === "stepEnded";
    if (!this.#failing && (soon || this.#waiting.length >= batchSize)) this.write();
    else this.#writeLater();
  }

  show(progress: Progress): void {
    this.#progress = progress;
    this.#shown = { seq: this.#seq, time: this.#clock.now(), kind: { $case: "progress", value: progress } };
    this.changed.ring();
  }

  /** Recorded events after `seq`, `limit` at most. @throws {LuksmithError} when the store cannot be read */
  after(seq: number, limit: number): readonly RunEvent[] {
    const first = this.#waiting[0]?.seq ?? this.#seq + 1;
    if (seq + 1 < first) return this.#store.eventsAfter(this.#run.id, seq, limit);
    return this.#waiting.slice(seq + 1 - first, seq + 1 - first + limit).map(({ event }) => event);
  }

  /** As it is now, for those who look; what is kept of it is written at its end. */
  update(run: Run): void {
    this.#run = run;
  }

  /** The last event: records it, changes the run, stops every timer. @returns whether all of it is written */
  end(run: Run): boolean {
    this.#run = run;
    this.#runWritten = false;
    this.record({ $case: "ended", value: { run } });
    this.#closed = true;
    this.#timer?.abort();
    return this.write();
  }

  /** Writes what waits. @returns whether nothing waits any more */
  write(): boolean {
    while (!this.#runWritten || this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, batchSize);
      this.#failing = !this.#store.save(this.#run.id, this.#runWritten ? undefined : this.#run, batch);
      if (this.#failing) {
        this.#writeLater();
        return false;
      }
      this.#runWritten = true;
      this.#waiting.splice(0, batch.length);
    }
    return true;
  }

  #writeLater(): void {
    if (this.#timer !== undefined || this.#closed) return;
    const timer = new AbortController();
    this.#timer = timer;
    this.#clock.sleep(this.#failing ? retryEveryMs : writeEveryMs, timer.signal).then(
      () => {
        this.#timer = undefined;
        this.write();
      },
      () => undefined,
    );
  }
}
