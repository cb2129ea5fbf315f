import type { Clock } from "../../common/clock.ts";
import type { Exec, Start } from "../../common/exec.ts";
import type { Log } from "../../common/log.ts";

/** What the helper works with. */
export interface Host {
  readonly exec: Exec;
  readonly start: Start;
  readonly clock: Clock;
  readonly log: Log;
}
