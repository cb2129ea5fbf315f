/** A way by which people are told. */

import { LuksmithError } from "../../common/errors.ts";
import type { ChannelConfig } from "../config/alerts.ts";
import { type AlertMessage, testMessage } from "./message.ts";
import { NotDelivered } from "./send.ts";
import { SmtpChannel } from "./smtp-channel.ts";
import { WebhookChannel } from "./webhook-channel.ts";

export interface Channel {
  /**
   * @returns what the other side has said to it, for people
   * @throws {NotDelivered} for what the other side has to do with; {LuksmithError} "config"; the signal's reason
   */
  deliver(message: AlertMessage, signal: AbortSignal): Promise<string>;
  /** @throws {LuksmithError} "config" when what it needs cannot be read */
  check(): Promise<void>;
}

export type Channels = ReadonlyMap<string, Channel>;

/** @throws {LuksmithError} "config" when a secret cannot be read: better now than in the first bad night */
export async function openChannels(configs: ReadonlyMap<string, ChannelConfig>): Promise<Channels> {
  const channels = new Map(
    [...configs].map(([name, config]): [string, Channel] => [
      name,
      config.kind === "smtp" ? new SmtpChannel(config) : new WebhookChannel(config),
    ]),
  );
  for (const channel of channels.values()) await channel.check();
  return channels;
}

export interface ChannelResult {
  readonly channel: string;
  readonly delivered: boolean;
  /** What the other side has said, or why it did not get there. */
  readonly detail: string;
}

/**
 * Sends a message that says that it is a test, at once and once.
 * @param only the name of one; empty: by each
 * @throws {LuksmithError} "not_found" when there is no such channel, or none at all
 */
export async function testChannels(
  channels: Channels,
  only: string,
  time: Date,
  makeId: () => string,
  signal: AbortSignal,
): Promise<ChannelResult[]> {
  const chosen = [...channels].filter(([name]) => only === "" || name === only);
  if (chosen.length === 0) throw noChannel(channels, only);
  return Promise.all(
    chosen.map(async ([channel, each]) => {
      try {
        return { channel, delivered: true, detail: await each.deliver(testMessage(time, makeId()), signal) };
      } catch (thrown) {
        signal.throwIfAborted();
        return { channel, delivered: false, detail: whyNot(thrown) };
      }
    }),
  );
}

/** Words that may be shown: what is not ours could have anything in it. */
export function whyNot(thrown: unknown): string {
  return thrown instanceof NotDelivered || thrown instanceof LuksmithError
    ? thrown.message
    : "something went wrong inside luksmith";
}

function noChannel(channels: Channels, only: string): LuksmithError {
  if (channels.size === 0) {
    return new LuksmithError("not_found", "the controller has no channel: nobody is told of alerts", {
      hint: "alerts.channels in controller.yaml",
    });
  }
  return new LuksmithError("not_found", `there is no channel ${JSON.stringify(only)}`, {
    hint: `there is: ${[...channels.keys()].join(", ")}`,
  });
}
