/**
 * What the controller is told of a run when it may not know names of files. Pure. It cannot be seen in a text whether a word of it is a
 * name, so what is left is what cannot be one: a sentence of ours up to where a name could begin. In our sentences that is after a colon, in
 * quotes, or a path. What programs printed always follows a colon.
 */

import { getSystemErrorMap } from "node:util";
import { namePattern } from "../../common/config/names.ts";
import { type ErrorCode, isErrorCode } from "../../common/errors.ts";
import type { ErrorDetail, Retry, Run, RunEvent } from "../../proto/gen/luksmith/v1/types.ts";

/** They tell of connections, keys and times, and name no file that is backed up. */
const codesWithoutNames: readonly ErrorCode[] = [
  "unreachable",
  "lost",
  "stalled",
  "refused",
  "locked",
  "wrong_key",
  "deadline",
  "cancelled",
  "interrupted",
  "incomplete",
];

const systemErrors: ReadonlySet<string> = new Set([...getSystemErrorMap().values()].map(([, text]) => text));

/** @returns undefined when nothing of the event can be told */
export function eventWithoutNames({ seq, time, kind }: RunEvent): RunEvent | undefined {
  const told = kindWithoutNames(kind);
  return told === undefined ? undefined : { seq, time, kind: told };
}

function kindWithoutNames(kind: RunEvent["kind"]): RunEvent["kind"] {
  switch (kind?.$case) {
    case "started":
    case "ended":
      return { $case: kind.$case, value: { run: kind.value.run && runWithoutNames(kind.value.run) } };
    case "stepEnded":
      return { $case: "stepEnded", value: { ...kind.value, error: errorWithoutNames(kind.value.error) } };
    case "attemptFailed":
      return { $case: "attemptFailed", value: { retry: retryWithoutNames(kind.value.retry) } };
    case "warning":
      return { $case: "warning", value: { message: textWithoutNames(kind.value.message), path: Buffer.alloc(0) } };
    case "note":
      return { $case: "note", value: { message: textWithoutNames(kind.value.message) } };
    case "stepBegan":
    case "progress":
      return kind;
    // what is about one file, or not known here
    default:
      return undefined;
  }
}

export function runWithoutNames(run: Run): Run {
  return {
    ...run,
    error: errorWithoutNames(run.error),
    summary: withoutPlaces(run.summary),
    retry: retryWithoutNames(run.retry),
  };
}

function retryWithoutNames(retry: Retry | undefined): Retry | undefined {
  return retry && { ...retry, error: errorWithoutNames(retry.error) };
}

export function errorWithoutNames(error: ErrorDetail | undefined): ErrorDetail | undefined {
  if (error === undefined) return undefined;
  const { code, message, hint } = error;
  const known = isErrorCode(code) && codesWithoutNames.includes(code);
  return {
    code,
    message: known ? withoutPlaces(message) : textWithoutNames(message),
    // what is to be typed on the machine may name anything there
    hint: /^luksmith [a-z]+( [a-z0-9@:_-]+)*( --[a-z-]+)*$/.test(hint) ? hint : "",
  };
}

/** "job home: 3 files differ: /home/a" -> "job home: 3 files differ ..." */
export function textWithoutNames(text: string): string {
  // ours as a whole, and what it names is what was asked for
  if (noSuchPattern.test(text)) return text;
  const [subject, rest] = splitSubject(text);
  const [sentence = "", ...others] = rest.split(/: /);
  const told = withoutPlaces(sentence);
  const reason = others
    .at(-1)
    ?.replace(/ \(\d+\)$/, "")
    .toLowerCase();
  if (others.length === 0 || told.endsWith(cut)) return subject + told;
  return subject + told + (reason !== undefined && systemErrors.has(reason) ? `: ${reason}` : cut);
}

const noSuchPattern = /^there is no (job|volume) "[a-z0-9][a-z0-9_-]{0,31}" in the configuration$/;

const cut = " ...";

/** Up to the first path, or what stands in quotes. */
function withoutPlaces(text: string): string {
  const at = text.search(/(^|[\s(=,;:])\.{0,2}~?\/|["`\\\n]|\$'|(^|\s)('|\S*\/\S*\/)/);
  return at < 0 ? text : text.slice(0, at).trimEnd() + cut;
}

/** "job home: ", which is no name of a file, and what follows it. */
function splitSubject(text: string): [string, string] {
  const [subject = "", name = ""] = /^(?:job|volume) ([a-z0-9_-]+): /.exec(text) ?? [];
  return namePattern.test(name) ? [subject, text.slice(subject.length)] : ["", text];
}
