/** One call of the program, as the commands see it; what needs the agent is loaded only when a command begins. */

import { resolve } from "node:path";
import type { Command } from "commander";
import type { FleetSession } from "./fleet/fleet-session.ts";
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
  /** Those below `fleet`. */
  readonly fleet?: string;
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

/** Runs `work` with the way to a controller, which is closed afterwards. */
export async function withFleet(
  invocation: Invocation,
  command: Command,
  work: (session: FleetSession) => Promise<void>,
): Promise<void> {
  const options: GlobalOptions = command.optsWithGlobals();
  const { openFleetSession } = await import("./fleet/fleet-session.ts");
  const { credentialPath } = await import("./fleet/credential.ts");
  const path = credentialPath(options.fleet, invocation.environment);
  const session = await openFleetSession(invocation, path, options.json === true);
  try {
    await work(session);
  } finally {
    await session.close();
  }
}
