/** What a run's report means to whoever watches its schedule from outside. */

import { addDeliveries, withdrawDelivery } from "../store/deliveries.ts";
import type { Database } from "../store/schema.ts";
import { type PingedRun, planPing } from "./ping.ts";

/**
 * To be called in the transaction that records the report, so that neither is there without the other.
 * @param url of the schedule that the run is of, as `pingUrl` makes it
 */
export async function onRunReport(transaction: Database, run: PingedRun, url: string, nowMs: number): Promise<void> {
  const { add, withdraw } = planPing(run, url, nowMs);
  if (withdraw !== undefined) await withdrawDelivery(transaction, withdraw);
  await addDeliveries(transaction, [add]);
}
