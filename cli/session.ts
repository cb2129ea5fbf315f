/** What a command works with that is about this machine: the agent, beside what every command has. */

import { type Clock, systemClock } from "../common/clock.ts";
import type { Run } from "../proto/gen/luksmith/v1/types.ts";
import { AgentClient } from "./agent-client.ts";
import { BaseSession } from "./base-session.ts";
import { type StartOptions, startAndFollow } from "./follow-run.ts";
import type { Invocation } from "./invocation.ts";
import { listenForSignals, type Signals } from "./signals.ts";
import type { Terminal } from "./terminal.ts";

export class Session extends BaseSession {
  readonly agent: AgentClient;

  constructor(agent: AgentClient, terminal: Terminal, clock: Clock, signals: Signals, json: boolean) {
    super(terminal, clock, signals, json);
    this.agent = agent;
  }

  close(): void {
    this.letGo();
    this.agent.close();
  }

  /**
   * Starts a run, follows it to its end and says what came of it.
   * @throws {LuksmithError} what the run ended with, unless it was done or skipped
   */
  run(start: () => Promise<{ run: Run | undefined }>, options: StartOptions): Promise<void> {
    return startAndFollow(this, start, options);
  }
}

/** @param socket where the agent listens; nothing is connected yet */
export function openSession(invocation: Invocation, socket: string, json: boolean): Session {
  invocation.terminal.open();
  return new Session(new AgentClient(socket), invocation.terminal, systemClock, listenForSignals(), json);
}
