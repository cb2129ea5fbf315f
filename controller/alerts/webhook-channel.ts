/**
 * Alerts as JSON by HTTP. Each request is signed, so that whoever gets it can tell who has sent it, and when:
 *
 *     luksmith-signature: t=SECONDS,v1=HEX
 *
 * where HEX is HMAC-SHA256 of "SECONDS.BODY" by the shared secret.
 */

import { createHmac } from "node:crypto";
import type { WebhookConfig } from "../config/alerts.ts";
import { readSecretFrom } from "../config/secret-source.ts";
import type { Channel } from "./channel.ts";
import type { AlertMessage } from "./message.ts";
import { send } from "./send.ts";

export class WebhookChannel implements Channel {
  readonly #config: WebhookConfig;

  constructor(config: WebhookConfig) {
    this.#config = config;
  }

  async check(): Promise<void> {
    await readSecretFrom(this.#config.secret);
  }

  async deliver(message: AlertMessage, signal: AbortSignal): Promise<string> {
    const secret = await readSecretFrom(this.#config.secret);
    const body = JSON.stringify(message);
    // of this request: one that is repeated later is not taken for an old one that somebody has kept
    const seconds = Math.floor(Date.now() / 1000);
    const headers = {
      "content-type": "application/json",
      "luksmith-delivery": message.id,
      "luksmith-signature": signatureOf(secret, seconds, body),
    };
    const status = await send(this.#config.url, { method: "POST", headers, body }, signal);
    return `the server answers ${status}`;
  }
}

function signatureOf(secret: string, seconds: number, body: string): string {
  return `t=${seconds},v1=${createHmac("sha256", secret).update(`${seconds}.${body}`).digest("hex")}`;
}
