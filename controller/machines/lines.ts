/** Speaking with machines, wherever their streams are. */

import type { CancelOrder, Query, Reply, RunProgress } from "../../proto/gen/luksmith/v1/fleet.ts";

/** The machines that are connected, to whichever controller. */
export interface MachineLines {
  /**
   * What a machine says to a question, until its last answer. The id of the query does not matter.
   * @throws {LuksmithError} "unreachable" when it is not connected; what the machine answers
   */
  ask(machineId: string, query: Query, signal: AbortSignal): AsyncIterable<Reply>;
  /** @throws {LuksmithError} "unreachable" when it is not connected */
  cancel(machineId: string, order: CancelOrder): Promise<void>;
  /** How far the runs are. */
  progress(): Promise<readonly { readonly machineId: string; readonly running: readonly RunProgress[] }[]>;
}
