/** The log: JSON lines on standard error, where systemd's journal or a file takes them. */

import { destination, type Logger, type LoggerOptions, pino } from "pino";

export type Log = Logger;

export const logLevels = ["trace", "debug", "info", "warn", "error", "fatal"] as const;
export type LogLevel = (typeof logLevels)[number];

/** @param program its name stands in every line */
export function makeLog(program: string, level: LogLevel): Log {
  return logTo({ fd: 2 }, program, level);
}

/** For a log whose lines somebody else brings about. */
export interface LineLimit {
  /** Whether one more may be written. */
  admit(): boolean;
  /** How many were not, since this was asked last; stands in the next line. */
  missing(): number;
}

/** As {@link makeLog}, to the end of a file that is made when it is missing, for its owner alone. */
export function openLog(program: string, level: LogLevel, file: string, limit?: LineLimit): Log {
  return logTo({ dest: file, append: true, mode: 0o600 }, program, level, limit);
}

function logTo(
  where: { fd: number } | { dest: string; append: true; mode: number },
  program: string,
  level: LogLevel,
  limit?: LineLimit,
) {
  // Synchronous, because the last lines before a crash are the ones that matter; and no `transport`, which would
  // start a worker thread and does not survive bundling.
  const output = destination({ ...where, sync: true });
  // a full disk below it must not end the program in the middle of a run
  output.on("error", () => undefined);
  const options = { level, base: { program, pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime };
  return pino(limit === undefined ? options : { ...options, ...limited(limit) }, output);
}

function limited(limit: LineLimit): Pick<LoggerOptions, "hooks" | "mixin"> {
  return {
    hooks: {
      logMethod(words, write) {
        if (limit.admit()) write.apply(this, words);
      },
    },
    mixin: () => {
      const missing = limit.missing();
      return missing === 0 ? {} : { missing };
    },
  };
}
