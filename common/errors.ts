/**
 * What can go wrong, as a closed list: each code has one exit code and one gRPC status, and is worth another try or not,
 * decided here and nowhere else.
 *
 * Exit codes follow restic's, which scripts already know. gRPC statuses follow google.rpc.Code; the exact code
 * travels beside them (common/error-wire.ts).
 */

import { constants } from "node:os";
import { Status } from "@grpc/grpc-js/build/src/constants.js";

interface ErrorKind {
  readonly exit: number;
  readonly grpc: Status;
  /** It may go by itself: the same again, a while later, may well succeed. */
  readonly passing?: true;
}

export const errorCodes = {
  internal: { exit: 1, grpc: Status.INTERNAL },
  tool_failed: { exit: 1, grpc: Status.INTERNAL },
  hook_failed: { exit: 1, grpc: Status.INTERNAL },
  full: { exit: 1, grpc: Status.RESOURCE_EXHAUSTED },
  denied: { exit: 1, grpc: Status.PERMISSION_DENIED },
  exists: { exit: 1, grpc: Status.ALREADY_EXISTS },
  /** `doctor` found problems. */
  unhealthy: { exit: 1, grpc: Status.FAILED_PRECONDITION },
  usage: { exit: 2, grpc: Status.INVALID_ARGUMENT },
  config: { exit: 2, grpc: Status.FAILED_PRECONDITION },
  incomplete: { exit: 3, grpc: Status.UNKNOWN },
  not_found: { exit: 10, grpc: Status.NOT_FOUND },
  locked: { exit: 11, grpc: Status.ABORTED },
  wrong_key: { exit: 12, grpc: Status.UNAUTHENTICATED },
  unreachable: { exit: 13, grpc: Status.UNAVAILABLE, passing: true },
  /** The host was reached, and then the connection broke. */
  lost: { exit: 13, grpc: Status.UNAVAILABLE, passing: true },
  /** The connection stands, and nothing comes back. */
  stalled: { exit: 13, grpc: Status.UNAVAILABLE, passing: true },
  /** The host is there, and is not the one it should be, or does not let us in. */
  refused: { exit: 13, grpc: Status.UNAVAILABLE },
  tampered: { exit: 14, grpc: Status.DATA_LOSS },
  /** The run took longer than it may. */
  deadline: { exit: 1, grpc: Status.DEADLINE_EXCEEDED },
  cancelled: { exit: 130, grpc: Status.CANCELLED },
  interrupted: { exit: 1, grpc: Status.ABORTED },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof errorCodes;

export interface LuksmithErrorOptions {
  /** The next step for the person who reads it: words or a command. */
  hint?: string;
  /** For the log alone; never shown to a caller. */
  cause?: unknown;
}

/** An error someone can act on: `message` and `hint` are for people, `cause` is for the log. */
export class LuksmithError extends Error {
  override readonly name = "LuksmithError";
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: LuksmithErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }

  get exitCode(): number {
    return errorCodes[this.code].exit;
  }

  /** Whether trying again makes sense. */
  get isPassing(): boolean {
    const kind: ErrorKind = errorCodes[this.code];
    return kind.passing === true;
  }
}

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(errorCodes, text);
}

/** Any thrown value as a LuksmithError; what is not ours becomes "internal" and keeps its cause for the log. */
export function asLuksmithError(thrown: unknown): LuksmithError {
  if (thrown instanceof LuksmithError) return thrown;
  return new LuksmithError("internal", "something went wrong inside luksmith", {
    hint: "see the agent's log: journalctl -u luksmith-agent",
    cause: thrown,
  });
}

const errnos: Readonly<Partial<Record<string, number>>> = constants.errno;

/**
 * A file system or process error of Node's own: has `code` ("ENOENT"), `errno` and so on. Of some numbers libuv has no name, EDQUOT
 * among them; their code is "Unknown system error -122".
 * Source: https://nodejs.org/api/errors.html#class-systemerror
 */
export function hasErrno(thrown: unknown, ...codes: string[]): thrown is NodeJS.ErrnoException {
  if (!(thrown instanceof Error && "code" in thrown)) return false;
  if (codes.includes(String(thrown.code))) return true;
  const negated = "errno" in thrown ? thrown.errno : undefined;
  return codes.some((code) => negated === -(errnos[code] ?? Number.NaN));
}
