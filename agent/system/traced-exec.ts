/** Every program that the agent runs, in its log at level debug: with what, how long it took from the call on, how it ended. */

import type { Clock } from "../../common/clock.ts";
import type { Command, Exec, Finished, Start } from "../../common/exec.ts";
import type { Log } from "../../common/log.ts";

/** Arguments never hold a secret (see common/exec.ts), so they may be shown. */
export function traced(tools: { exec: Exec; start: Start }, clock: Clock, log: Log): { exec: Exec; start: Start } {
  if (!log.isLevelEnabled("debug")) return tools;
  const tracing = (command: Command, finished: Promise<Finished>): void => {
    const startedMs = clock.monotonicMs();
    const { file, args, cwd, as } = command;
    const say = (ended: object) => {
      const ms = Math.round(clock.monotonicMs() - startedMs);
      log.debug({ file, args, cwd, uid: as?.uid, ms, ...ended }, "ran a program");
    };
    finished.then(
      ({ exitCode }) => say({ exitCode }),
      (error: unknown) => say({ err: error }),
    );
  };
  const start: Start = (command) => {
    const child = tools.start(command);
    tracing(command, child.finished);
    return child;
  };
  const exec: Exec = (command) => {
    const finished = tools.exec(command);
    tracing(command, finished);
    return finished;
  };
  return { start, exec };
}
