/** What the handlers work with. */

import type { Clock } from "../../common/clock.ts";
import type { Log } from "../../common/log.ts";
import type { ChannelResult } from "../../proto/gen/luksmith/v1/controller.ts";
import type { Authorities } from "../authority/authorities.ts";
import type { ControllerChanges } from "../controller-changes.ts";
import type { Dispatcher } from "../dispatch/dispatcher.ts";
import type { MachineChanges } from "../machines/changes.ts";
import type { MachineLines } from "../machines/lines.ts";
import type { OperatorAccounts } from "../operators/accounts.ts";
import type { Operators } from "../operators/operators.ts";
import type { Store } from "../store/store.ts";
import type { FleetView } from "../view/fleet-view.ts";

export interface ControllerParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly version: string;
  readonly controllerId: string;
  /** Where controllers listen, as "host:port". */
  readonly addresses: readonly string[];
  readonly operators: Operators;
  readonly accounts: OperatorAccounts;
  readonly authorities: Authorities;
  readonly machines: MachineChanges;
  readonly controllers: ControllerChanges;
  readonly lines: MachineLines;
  readonly view: FleetView;
  readonly dispatcher: Pick<Dispatcher, "add">;
  /** @param only the name of a channel; empty: each @throws {LuksmithError} "not_found" */
  readonly testChannels: (only: string, signal: AbortSignal) => Promise<ChannelResult[]>;
}
