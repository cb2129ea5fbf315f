/** Watching and telling, from here until it is closed. */

import { randomUUID } from "node:crypto";
import type { Clock } from "../../common/clock.ts";
import type { Log } from "../../common/log.ts";
import type { ControllerConfig } from "../config/controller-config.ts";
import type { Store } from "../store/store.ts";
import { type ChannelResult, openChannels, testChannels } from "./channel.ts";
import { type DeliveryEvents, Postman } from "./postman.ts";
import { AlertWatch, type WatchEvents, type WatchOptions } from "./watch.ts";

export interface Alerts {
  /** @param only the name of a channel; empty: each @throws {LuksmithError} "not_found" */
  test(only: string, signal: AbortSignal): Promise<ChannelResult[]>;
  close(): Promise<void>;
}

/** @throws {LuksmithError} "config" when a channel's secret cannot be read */
export async function startAlerts(
  store: Store,
  config: Pick<ControllerConfig, "alerts" | "retention">,
  readExpectations: WatchOptions["readExpectations"],
  events: { readonly deliveries: DeliveryEvents; readonly watch: WatchEvents },
  clock: Clock,
  log: Log,
): Promise<Alerts> {
  const channels = await openChannels(config.alerts.channels);
  if (channels.size === 0) log.warn({}, "alerts have no channel: nobody is told when a backup is missing");
  const stop = new AbortController();
  const postman = new Postman(store, channels, clock, log, events.deliveries);
  const watch = new AlertWatch(store, clock, log, {
    config: config.alerts,
    channels,
    readExpectations,
    keptAlertsMs: config.retention.alertsMs,
    events: events.watch,
    onDeliveries: () => postman.wake(),
  });
  watch.follow();
  postman.follow();
  return {
    test: (only, signal) =>
      testChannels(channels, only, clock.now(), randomUUID, AbortSignal.any([signal, stop.signal])),
    close: async () => {
      stop.abort();
      await Promise.all([watch.close(), postman.close()]);
    },
  };
}
