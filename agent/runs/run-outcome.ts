/** How a run ended, decided from what its work returned or threw. Pure. */

import { asLuksmithError, LuksmithError } from "../../common/errors.ts";
import { ReleaseError } from "../../common/undo.ts";
import { plural } from "../../common/units.ts";
import { type Run, RunState, RunTotals, Verb, verbToJSON } from "../../proto/gen/luksmith/v1/types.ts";
import type { RunResult } from "./context.ts";
import { whole } from "./progress-meter.ts";

export interface Outcome {
  readonly state: RunState;
  readonly error: LuksmithError | undefined;
  readonly summary: string;
  readonly snapshot: string;
  readonly totals: RunTotals;
}

/** What the run warned of: all, and those about one file each. */
interface WarningCounts {
  readonly all: number;
  readonly files: number;
}

export function outcomeOfResult(runId: string, result: RunResult, warnings: WarningCounts): Outcome {
  const states = { done: RunState.DONE, incomplete: RunState.INCOMPLETE, skipped: RunState.SKIPPED } as const;
  return {
    state: states[result.state],
    error:
      result.state === "incomplete"
        ? new LuksmithError("incomplete", incompleteMessage(result.summary, warnings), {
            hint: `luksmith log ${runId}`,
          })
        : undefined,
    summary: result.summary,
    snapshot: result.snapshot ?? "",
    totals: totalsOf(result.totals, warnings),
  };
}

/**
 * A run that was asked to end and ended is CANCELLED, whatever its tools said when they were stopped. Two things are
 * never hidden by that: that something could not be released, and that the backup host tampered.
 */
export function outcomeOfThrown(thrown: unknown, signal: AbortSignal, warnings: WarningCounts): Outcome {
  const error = runError(thrown);
  const rest = { summary: "", snapshot: "", totals: totalsOf(undefined, warnings) };
  const reason: unknown = signal.aborted ? signal.reason : undefined;
  const asked = reason instanceof LuksmithError ? reason : undefined;
  if (!holdsReleaseError(thrown) && error.code !== "tampered") {
    if (asked?.code === "cancelled") return { state: RunState.CANCELLED, error: asked, ...rest };
    if (error.code === "cancelled") return { state: RunState.CANCELLED, error, ...rest };
    if (asked?.code === "deadline") return { state: RunState.FAILED, error: asked, ...rest };
  }
  // an AbortError of Node's own says nothing; the reason for the abort does
  return { state: RunState.FAILED, error: error.code === "internal" && asked !== undefined ? asked : error, ...rest };
}

/**
 * Any thrown value as a LuksmithError. `await using` throws a SuppressedError when the work failed and its undoing did
 * too (error: of the undoing, suppressed: of the work): both are told, and the work's code decides.
 */
export function runError(thrown: unknown): LuksmithError {
  if (!(thrown instanceof SuppressedError)) return asLuksmithError(thrown);
  const work = runError(thrown.suppressed);
  const undoing = runError(thrown.error);
  const hint = undoing.hint ?? work.hint;
  return new LuksmithError(
    work.code === "cancelled" ? undoing.code : work.code,
    work.message === undoing.message ? work.message : `${work.message}; then: ${undoing.message}`,
    { ...(hint === undefined ? {} : { hint }), cause: thrown },
  );
}

function holdsReleaseError(thrown: unknown): boolean {
  if (thrown instanceof ReleaseError) return true;
  if (thrown instanceof SuppressedError) return holdsReleaseError(thrown.error) || holdsReleaseError(thrown.suppressed);
  return thrown instanceof Error && thrown.cause !== undefined && holdsReleaseError(thrown.cause);
}

const goesOn: Readonly<Partial<Record<Verb, string>>> = {
  [Verb.BACKUP]: "the next backup continues where it was",
  [Verb.RESTORE]: "start it again: it continues where it was",
};

/** A run that the record still calls running although nobody runs it: the agent died. `at` is its last sign of life. */
export function interrupted(run: Run, at: Date): Run {
  return {
    ...run,
    state: RunState.INTERRUPTED,
    finishedAt: at,
    error: {
      code: "interrupted",
      message: "the agent ended while the run was under way",
      hint: goesOn[run.verb] ?? "start it again",
    },
  };
}

/** "create volume" for CREATE_VOLUME. */
export function verbWords(verb: Verb): string {
  return verbToJSON(verb)
    .replace(/^VERB_/, "")
    .toLowerCase()
    .replaceAll("_", " ");
}

function incompleteMessage(summary: string, warnings: WarningCounts): string {
  if (warnings.files > 0) return `${plural(warnings.files, "file")} could not be read`;
  if (warnings.all > 0) return plural(warnings.all, "warning");
  return summary === "" ? "not all of it could be done" : summary;
}

function totalsOf(figures: Partial<RunTotals> | undefined, warnings: WarningCounts): RunTotals {
  const totals = RunTotals.fromPartial({ ...figures, warnings: warnings.all });
  return {
    files: whole(totals.files),
    bytes: whole(totals.bytes),
    filesCopied: whole(totals.filesCopied),
    bytesCopied: whole(totals.bytesCopied),
    filesEqual: whole(totals.filesEqual),
    filesDiffering: whole(totals.filesDiffering),
    filesChangedSince: whole(totals.filesChangedSince),
    warnings: totals.warnings,
    copyMs: whole(totals.copyMs),
    projectedMs: whole(totals.projectedMs),
  };
}
