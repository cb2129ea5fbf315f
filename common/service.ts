/**
 * The life of a long-running program: SIGTERM or SIGINT ends it, what it owns is closed in reverse order, and the
 * service manager is told (sd_notify(3)).
 */

import { execa } from "execa";
import { asLuksmithError } from "./errors.ts";
import type { Log } from "./log.ts";
import { UndoStack } from "./undo.ts";

export interface Up {
  /** Closed when the service ends, newest first. */
  own(name: string, close: () => Promise<void>): void;
  /** Aborted by a second signal: whoever closes does not wait politely any more, and closes all the same. */
  readonly hurry: AbortSignal;
  /** Ends the service, as a signal would, and with the error's exit code. */
  fail(error: Error): void;
}

/**
 * Runs until a signal comes. `start` returns when the service is ready; its exit code is the process's.
 * @returns 0 after a clean end, the error's exit code when `start` or a release failed
 */
export async function runService(log: Log, start: (up: Up) => Promise<void>): Promise<number> {
  const stopped = Promise.withResolvers<NodeJS.Signals>();
  const hurry = new AbortController();
  let signals = 0;
  const onSignal = (name: NodeJS.Signals) => {
    signals += 1;
    log.info({ signal: name }, signals === 1 ? "stopping" : "stopping in a hurry");
    stopped.resolve(name);
    // what is held is given back in any case
    if (signals > 1) hurry.abort();
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);

  const owned = new UndoStack();
  let exitCode = 0;
  try {
    // it may fail before anybody waits for it
    stopped.promise.catch(() => undefined);
    await start({ own: (name, close) => owned.add(name, close), hurry: hurry.signal, fail: stopped.reject });
    await notify("--ready");
    await stopped.promise;
    await notify("--stopping");
  } catch (error) {
    exitCode = fail(log, error);
  }
  try {
    await owned.unwind();
  } catch (error) {
    exitCode = fail(log, error);
  }
  log.info({ exitCode }, "stopped");
  return exitCode;
}

function fail(log: Log, thrown: unknown): number {
  const error = asLuksmithError(thrown);
  const { code, hint, cause } = error;
  const why = cause instanceof Error ? cause.message : undefined;
  // where in the program it was seen is of no use to who has to change what stands in a file
  log.fatal(code === "config" ? { code, hint, why } : { err: error, hint }, error.message);
  return error.exitCode;
}

/** Source: systemd-notify(1), 252 has --stopping only as a variable. Without a service manager there is nobody to tell. */
async function notify(what: "--ready" | "--stopping"): Promise<void> {
  if (process.env.NOTIFY_SOCKET === undefined) return;
  const args = what === "--ready" ? ["--ready"] : ["STOPPING=1"];
  await execa("systemd-notify", [`--pid=${process.pid}`, ...args], { reject: false, timeout: 5000 });
}
