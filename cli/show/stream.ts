/** Answers of any length: the events of the run that makes them are shown, what they bring is handed on. */

import type { Run, RunEvent } from "../../proto/gen/luksmith/v1/types.ts";
import { outcomeError } from "../outcome.ts";
import type { Session } from "../session.ts";
import { makeRunView } from "../views/run-view.ts";

type Message<Name extends string, Value> = {
  kind: { $case: "event"; value: RunEvent } | { $case: Name; value: Value } | undefined;
};

/**
 * @param onValue gets each snapshot or file as it comes; the next one comes when it has resolved
 * @returns the runs that have ended, one for each volume @throws {LuksmithError} what a run ended with
 */
export async function showStream<Name extends string, Value>(
  session: Session,
  messages: AsyncIterable<Message<Name, Value>>,
  onValue: (value: Value) => void | Promise<void>,
): Promise<readonly Run[]> {
  const view = makeRunView(session);
  const ended: Run[] = [];
  let runId = "";
  try {
    for await (const { kind } of messages) {
      if (kind === undefined) continue;
      if (kind.$case !== "event") {
        await onValue(kind.value as Value);
        continue;
      }
      const event = kind.value as RunEvent;
      if (event.kind?.$case === "started") runId = event.kind.value.run?.id ?? "";
      if (event.kind?.$case === "ended" && event.kind.value.run) ended.push(event.kind.value.run);
      view.show(runId, event);
    }
  } finally {
    view.close();
  }
  for (const run of ended) {
    const error = outcomeError(run);
    if (error !== undefined) throw error;
  }
  return ended;
}
