/** The last words of a command that did not succeed: on standard error for people, as an object for machines. */

import { LuksmithError } from "../common/errors.ts";
import { escapeControls } from "../common/quote.ts";
import { Stopped } from "./stopped.ts";
import type { Terminal } from "./terminal.ts";

export interface ReportOptions {
  readonly json: boolean;
  /** LUKSMITH_DEBUG: with the stack, for those who mend the program. */
  readonly debug: boolean;
}

/** @returns the exit code */
export async function report(terminal: Terminal, thrown: unknown, options: ReportOptions): Promise<number> {
  if (thrown instanceof Stopped) {
    terminal.clear();
    return thrown.exitCode;
  }
  const error = thrown instanceof LuksmithError ? thrown : internalError(thrown);
  // what is incomplete did not fail
  const label =
    error.code === "incomplete" ? terminal.paintErr("yellow", "warning:") : terminal.paintErr("red", "error:");
  terminal.errLine(`${label} ${indented(error.message)}`);
  if (error.hint !== undefined) terminal.errLine(`${terminal.paintErr("dim", "hint:")} ${indented(error.hint)}`);
  if (options.debug) terminal.errLine(indented(stackOf(thrown)));
  if (options.json) {
    const { errorJson, jsonLine } = await import("./json.ts");
    terminal.outLine(jsonLine(errorJson(error)));
  }
  return error.exitCode;
}

function internalError(thrown: unknown): LuksmithError {
  return new LuksmithError("internal", "internal: something went wrong inside luksmith itself", {
    hint: "this is a bug; LUKSMITH_DEBUG=1 shows where",
    cause: thrown,
  });
}

/** Further lines stand below the first. */
function indented(text: string): string {
  return text.split("\n").map(escapeControls).join("\n  ");
}

function stackOf(thrown: unknown): string {
  const lines: string[] = [];
  for (let error = thrown; error !== undefined; error = error instanceof Error ? error.cause : undefined) {
    lines.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
  return lines.join("\ncaused by: ");
}
