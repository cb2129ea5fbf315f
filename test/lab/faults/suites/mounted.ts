import type { RunEvent } from "../../../../proto/gen/luksmith/v1/types.ts";

/** From when to when, by the events of a run. */
export function mounted(events: readonly RunEvent[]): { from: number; to: number } | undefined {
  const at = (isIt: (event: RunEvent) => boolean) => events.find(isIt)?.time?.getTime();
  const from = at(({ kind }) => kind?.$case === "stepBegan" && kind.value.step === "mount");
  const to = at(({ kind }) => kind?.$case === "stepEnded" && kind.value.step === "detach");
  return from === undefined || to === undefined ? undefined : { from, to };
}
