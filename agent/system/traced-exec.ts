/** Every program that the agent runs, in its log at level debug: what it was called with, how long it took, how it ended. */

import type { Clock } from "../../common/clock.ts";
import type { Child, Command, Exec, Start } from "../../common/exec.ts";
import type { Log } from "../../common/log.ts";

/** Arguments never hold a secret (see common/exec.ts), so they may be shown. */
export function traced(tools: { exec: Exec; start: Start }, clock: Clock, log: Log): { exec: Exec; start: Start } {
  if (!log.isLevelEnabled("debug")) return tools;
  const start: Start = (command: Command): Child => {
    const startedMs = clock.monotonicMs();
    const child = tools.start(command);
    const { file, args, cwd, as } = command;
    const say = (ended: object) => {
      const ms = Math.round(clock.monotonicMs() - startedMs);
      log.debug({ file, args, cwd, uid: as?.uid, ms, ...ended }, "ran a program");
    };
    child.finished.then(
      ({ exitCode }) => say({ exitCode }),
      (error: unknown) => say({ err: error }),
    );
    return child;
  };
  return { start, exec: async (command) => start(command).finished };
}
