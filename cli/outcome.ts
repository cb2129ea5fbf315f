/** What a run's end means for the one who waited for it. */

import { fromErrorDetail } from "../common/error-wire.ts";
import { LuksmithError } from "../common/errors.ts";
import { plural } from "../common/units.ts";
import { type Run, RunState } from "../proto/gen/luksmith/v1/types.ts";
import { runTitle } from "./run-text.ts";

/**
 * The error that a run ended with; undefined when it was done, or had nothing to do.
 * @param hint the command that shows its log
 */
export function outcomeError(run: Run, hint = `luksmith log ${run.id}`): LuksmithError | undefined {
  const { error, state } = run;
  switch (state) {
    case RunState.DONE:
    case RunState.SKIPPED:
      return undefined;
    case RunState.INCOMPLETE: {
      const warnings = run.totals?.warnings ?? 0;
      const counted = warnings === 0 ? "" : `: ${plural(warnings, "warning")}`;
      const message = error?.message || `not everything could be done${counted}`;
      return new LuksmithError("incomplete", message, { hint: error?.hint || `${hint} lists them` });
    }
    case RunState.CANCELLED:
      return fromErrorDetail({
        code: "cancelled",
        message: error?.message || `${runTitle(run)} was cancelled`,
        hint: error?.hint ?? "",
      });
    case RunState.INTERRUPTED:
      return new LuksmithError("interrupted", error?.message || `${runTitle(run)} was cut short: the agent ended`, {
        hint: error?.hint || "start it again: it continues where it was",
      });
    case RunState.FAILED: {
      if (error === undefined) return new LuksmithError("internal", `${runTitle(run)} failed`, { hint });
      return fromErrorDetail({ ...error, hint: error.hint || hint });
    }
    default:
      return new LuksmithError("internal", `${runTitle(run)} ended in a state that this luksmith does not know`, {
        hint,
      });
  }
}
