/** One call of the program, as the commands see it; what needs the agent is loaded only when a command begins. */

import { resolve } from "node:path";
import type { Command } from "commander";
import type { Session } from "./session.ts";
import type { Terminal } from "./terminal.ts";

export interface Invocation {
  readonly terminal: Terminal;
  readonly version: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** The options that every command takes. */
interface GlobalOptions {
  readonly json?: true;
  readonly socket?: string;
}

export const defaultSocket = "/run/luksmith/agent.sock";

/** Where the agent listens: as asked for, else as the environment says, else where it always does. */
export function socketPath(asked: string | undefined, environment: Invocation["environment"]): string {
  return resolve(asked || environment.LUKSMITH_SOCKET || defaultSocket);
}

/** Runs `work` with a connection to the agent, which is closed afterwards. */
export async function withSession(
  invocation: Invocation,
  command: Command,
  work: (session: Session) => Promise<void>,
): Promise<void> {
  const options: GlobalOptions = command.optsWithGlobals();
  // loading gRPC takes longer than most of what the program does without it
  const { openSession } = await import("./session.ts");
  const session = openSession(invocation, socketPath(options.socket, invocation.environment), options.json === true);
  try {
    await work(session);
  } finally {
    session.close();
  }
}
