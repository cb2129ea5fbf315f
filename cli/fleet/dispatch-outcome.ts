/** What became of what machines were asked for, one by one and together. Pure. */

import { fromErrorDetail } from "../../common/error-wire.ts";
import { type ErrorCode, LuksmithError } from "../../common/errors.ts";
import { plural } from "../../common/units.ts";
import { DispatchState, type FleetDispatch } from "../../proto/gen/luksmith/v1/controller.ts";
import { RunState } from "../../proto/gen/luksmith/v1/types.ts";
import { enumName } from "../enum-name.ts";
import { outcomeError } from "../outcome.ts";
import { stateStyle, stateText } from "../run-text.ts";
import type { Style } from "../terminal.ts";
import { runName } from "./text.ts";

const { QUEUED, SENT, RUNNING, REFUSED, ENDED, EXPIRED, CANCELLED } = DispatchState;

export function isOver({ state }: FleetDispatch): boolean {
  return state === REFUSED || state === ENDED || state === EXPIRED || state === CANCELLED;
}

/** In a word. */
export function dispatchWord(dispatch: FleetDispatch): string {
  if (dispatch.state === ENDED && dispatch.run?.run !== undefined) return stateText(dispatch.run.run.state);
  return enumName(DispatchState, dispatch.state);
}

export function dispatchStyle(dispatch: FleetDispatch): Style {
  const { state, run } = dispatch;
  if (state === ENDED && run?.run !== undefined) return stateStyle(run.run.state);
  if (state === RUNNING) return "green";
  return state === QUEUED || state === SENT ? "dim" : "red";
}

/** What it ended with; undefined when it is done, or goes on. */
export function dispatchError(dispatch: FleetDispatch): LuksmithError | undefined {
  const { state, error, run, machine } = dispatch;
  switch (state) {
    case REFUSED:
      return error === undefined ? new LuksmithError("denied", "refused by the machine") : fromErrorDetail(error);
    case EXPIRED:
      return new LuksmithError("unreachable", "the machine did not come in time", {
        hint: `when was it here last? luksmith fleet machines name=${machine}`,
      });
    case CANCELLED:
      return new LuksmithError("cancelled", "cancelled before it began");
    case ENDED:
      if (run?.run !== undefined) return outcomeError(run.run, `luksmith fleet log ${runName(run, run.run)}`);
      return error === undefined ? undefined : fromErrorDetail(error);
    default:
      return undefined;
  }
}

/** How bad an end is: what may pass by itself, or was wanted, is less than what somebody has to look at. */
function badness(error: LuksmithError): number {
  const grave: readonly ErrorCode[] = ["tampered"];
  const slight: readonly ErrorCode[] = ["locked", "cancelled", "interrupted"];
  if (error.code === "incomplete") return 0;
  if (grave.includes(error.code)) return 3;
  return error.isPassing || slight.includes(error.code) ? 1 : 2;
}

/**
 * What the whole has come to, by the worst of it.
 * @param skipped how many machines could not be asked
 * @returns undefined when all is done
 */
export function worstError(dispatches: readonly FleetDispatch[], skipped: number): LuksmithError | undefined {
  const all = dispatches.length + skipped;
  const failed = dispatches.flatMap((dispatch) => {
    const error = dispatchError(dispatch);
    return error === undefined ? [] : [{ machine: dispatch.machine, isRefused: dispatch.state === REFUSED, error }];
  });
  const [worst] = failed.toSorted((one, other) => badness(other.error) - badness(one.error));
  if (worst === undefined) {
    if (skipped === 0) return undefined;
    return new LuksmithError("incomplete", `${skipped} of ${plural(all, "machine")} could not be asked`);
  }
  const { machine, isRefused, error } = worst;
  const head = all === 1 ? "" : `${failed.length + skipped} of ${all} machines did not succeed; the worst: `;
  return new LuksmithError(error.code, `${head}${machine}: ${isRefused ? "refused: " : ""}${error.message}`, {
    ...(error.hint === undefined ? {} : { hint: whereTyped(error.hint, machine) }),
  });
}

/** What a machine says is to be typed there, and not where this is read. */
function whereTyped(hint: string, machine: string): string {
  return /^luksmith (?!fleet )/.test(hint) ? `on ${machine}: ${hint}` : hint;
}

/** "3 running, 80 queued, 36 done, 1 refused": what there is, in this order. */
export function countsText(dispatches: readonly FleetDispatch[]): string {
  const counts = new Map<string, number>();
  for (const dispatch of dispatches) {
    const word = dispatchWord(dispatch);
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const order = ["running", "sent", "queued"];
  const place = (word: string) => (order.includes(word) ? order.indexOf(word) : order.length);
  return [...counts]
    .sort(([one], [other]) => place(one) - place(other) || (one < other ? -1 : 1))
    .map(([word, count]) => `${count} ${word}`)
    .join(", ");
}

/** Those that somebody wants to see first: what runs, what went wrong, what waits, what is done. */
export function byInterest(dispatches: readonly FleetDispatch[]): FleetDispatch[] {
  const place = (dispatch: FleetDispatch) => {
    if (dispatch.state === RUNNING) return 0;
    if (dispatchError(dispatch) !== undefined) return 1;
    return isOver(dispatch) ? 3 : 2;
  };
  return dispatches.toSorted((one, other) => place(one) - place(other) || (one.machine < other.machine ? -1 : 1));
}

/** Whether there is a run that goes on. */
export function isRunning({ run }: FleetDispatch): boolean {
  return run?.run?.state === RunState.RUNNING;
}
