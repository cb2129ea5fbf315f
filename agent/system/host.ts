/** What every part of the agent that touches the system is handed: how to start programs, the time, the log, where things are. */

import type { Clock } from "../../common/clock.ts";
import type { Exec, Start } from "../../common/exec.ts";
import type { Log } from "../../common/log.ts";

export interface Host {
  readonly exec: Exec;
  readonly start: Start;
  readonly clock: Clock;
  readonly log: Log;
  /** Mount points and sockets; gone after a reboot. */
  readonly runtimeDir: string;
  /** Pinned headers, trusted host keys, the run history; must outlive the machine's reboots. */
  readonly stateDir: string;
}
