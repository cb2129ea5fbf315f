/** Ctrl-C and its like: the first asks to stop, the second does not wait. */

import { constants } from "node:os";
import { Stopped } from "./stopped.ts";

const stopping = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export interface Signals {
  /** Aborted by the first signal, with a {@link Stopped} as its reason. */
  readonly stop: AbortSignal;
  ignore(): void;
}

export function listenForSignals(): Signals {
  const controller = new AbortController();
  const onSignal = (name: NodeJS.Signals) => {
    const stopped = new Stopped(constants.signals[name]);
    if (controller.signal.aborted) process.exit(stopped.exitCode);
    controller.abort(stopped);
  };
  for (const name of stopping) process.on(name, onSignal);
  return {
    stop: controller.signal,
    ignore: () => {
      for (const name of stopping) process.off(name, onSignal);
    },
  };
}
