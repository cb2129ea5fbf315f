/** A run's events: those that are stored, then those that its machine tells, and again the stored ones while it is away. */

import type { Clock } from "../../common/clock.ts";
import { asLuksmithError, LuksmithError } from "../../common/errors.ts";
import type { Query, Reply } from "../../proto/gen/luksmith/v1/fleet.ts";
import { type RunEvent, RunState } from "../../proto/gen/luksmith/v1/types.ts";
import { getMachine } from "../store/machines.ts";
import { eventsAfter } from "../store/run-events.ts";
import { getRun, type StoredRun } from "../store/runs.ts";
import type { Store } from "../store/store.ts";

export type AskMachine = (what: Query["what"], signal: AbortSignal) => AsyncIterable<Reply>;

const atOnce = 500;
/** While the machine is away. */
const lookEveryMs = 1000;

/**
 * @param ask the machine that runs it
 * @yields events, none twice; ends when the run has ended, or without `follow` when there are no more
 * @throws {LuksmithError} what the machine answers, unless it is only away; "unreachable" when it never comes back; the signal's reason
 */
export async function* followRun(
  store: Store,
  clock: Clock,
  { machineId, runId }: Pick<StoredRun, "machineId" | "runId">,
  follow: boolean,
  ask: AskMachine,
  signal: AbortSignal,
): AsyncGenerator<RunEvent, void> {
  let seq = 0;
  for (;;) {
    // in this order: what is said of it before it has ended must not be missed
    const run = await getRun(store.database, machineId, runId);
    for (;;) {
      const events = await eventsAfter(store.database, machineId, runId, seq, atOnce);
      for (const event of events) {
        seq = event.seq;
        yield event;
        if (event.kind?.$case === "ended") return;
      }
      if (events.length < atOnce) break;
    }
    if (!follow || run === undefined || run.state !== RunState.RUNNING) return;
    await requireMachine(store, machineId);
    try {
      for await (const { events } of ask({ $case: "watch", value: { runId, follow: true } }, signal)) {
        for (const event of events) {
          // what is shown without being recorded has no number
          if (event.seq !== 0 && event.seq <= seq) continue;
          if (event.seq !== 0) seq = event.seq;
          yield event;
          if (event.kind?.$case === "ended") return;
        }
      }
    } catch (error) {
      signal.throwIfAborted();
      if (!asLuksmithError(error).isPassing) throw error;
    }
    await clock.sleep(lookEveryMs, signal);
  }
}

/** One that is revoked comes back as another, and tells nothing of what the first did. */
async function requireMachine(store: Store, machineId: string): Promise<void> {
  const machine = await getMachine(store.database, machineId);
  if (machine !== undefined && machine.state !== "revoked") return;
  throw new LuksmithError("unreachable", "the machine is revoked: how this run ended is not told any more", {
    hint: "luksmith runs, on the machine itself",
  });
}
