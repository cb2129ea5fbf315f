/** Runs whose answer goes to the one who asked, between their events. */

import type { Stream } from "../../common/grpc-call.ts";
import type { RunEvent } from "../../proto/gen/luksmith/v1/types.ts";
import type { RunRequest, RunWork } from "../runs/context.ts";
import type { Agent } from "./agent.ts";

/** It ends with the one who asked. */
export async function streamRun(
  { host, runs }: Agent,
  request: RunRequest,
  stream: Stream<{ kind: { $case: "event"; value: RunEvent } }>,
  work: RunWork,
): Promise<void> {
  const run = runs.start(request, work);
  const cancel = () => {
    try {
      runs.cancel(run.id, request.caller);
    } catch (error) {
      // it has ended, and its record cannot be read; thrown in a listener this would end the agent
      host.log.warn({ err: error, run: run.id }, "a run could not be cancelled");
    }
  };
  stream.gone.addEventListener("abort", cancel, { once: true });
  if (stream.gone.aborted) cancel();
  try {
    for await (const event of runs.watch(run.id, true, stream.gone)) {
      await stream.send({ kind: { $case: "event", value: event } });
    }
  } finally {
    stream.gone.removeEventListener("abort", cancel);
  }
}
