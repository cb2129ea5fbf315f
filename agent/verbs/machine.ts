/** What a verb works with, whoever asked for it. */

import type { UserDatabase } from "../access/user-database.ts";
import type { AgentConfig } from "../config/agent-config.ts";
import type { RunRequest } from "../runs/context.ts";
import type { RunManager } from "../runs/run-manager.ts";
import type { Host } from "../system/host.ts";
import type { PinStore } from "../volume/pin.ts";

export interface Machine {
  readonly config: AgentConfig;
  readonly host: Host;
  readonly pins: PinStore;
  readonly runs: RunManager;
  readonly users: UserDatabase;
}

/** Who asked for a run, and how long and how often it may try, where that is not as the configuration says. */
export type Asked = Pick<RunRequest, "caller" | "retry" | "deadlineMs" | "registered">;
