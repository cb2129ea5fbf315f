/** Alerts by e-mail. */

import { readFile } from "node:fs/promises";
import { createTransport } from "nodemailer";
import { rejectsWhenAborted } from "../../common/aborted.ts";
import { LuksmithError } from "../../common/errors.ts";
import type { SmtpConfig } from "../config/alerts.ts";
import { readSecretFrom } from "../config/secret-source.ts";
import type { Channel } from "./channel.ts";
import { type AlertMessage, subjectOf, textOf } from "./message.ts";
import { NotDelivered } from "./send.ts";

const connectMs = 10_000;
/** A server that looks a sender up may take its time. */
const silenceMs = 30_000;
/** The whole of it, whatever the server does. */
const wholeMs = 60_000;

export class SmtpChannel implements Channel {
  readonly #config: SmtpConfig;

  constructor(config: SmtpConfig) {
    this.#config = config;
  }

  async check(): Promise<void> {
    await this.#read();
  }

  async deliver(message: AlertMessage, signal: AbortSignal): Promise<string> {
    const { host, port, tls, from, to } = this.#config;
    const { authorities, login } = await this.#read();
    const transport = createTransport({
      host,
      port,
      secure: tls === "implicit",
      // whoever is in between could take STARTTLS out of the server's answer
      requireTLS: tls === "starttls",
      ignoreTLS: tls === "none",
      tls: { minVersion: "TLSv1.2", ...(authorities === undefined ? {} : { ca: authorities }) },
      ...(login === undefined ? {} : { auth: login }),
      connectionTimeout: connectMs,
      greetingTimeout: connectMs,
      socketTimeout: silenceMs,
      // nothing that stands in a message is a path or an address of something to be sent along
      disableFileAccess: true,
      disableUrlAccess: true,
    });
    const deadline = AbortSignal.timeout(wholeMs);
    const ends = AbortSignal.any([signal, deadline]);
    try {
      const sent = transport.sendMail({
        from,
        to: [...to],
        subject: subjectOf(message),
        text: textOf(message),
        date: new Date(message.time),
        // the same for each try: a server that has it already may know that
        messageId: `<${message.id}@${from.slice(from.indexOf("@") + 1)}>`,
        // RFC 3834: no out-of-office answers
        headers: { "Auto-Submitted": "auto-generated" },
      });
      const info = await Promise.race([sent, rejectsWhenAborted(ends)]);
      // the others have it: they would get it again with each try
      const refused =
        info.rejected.length === 0 ? "" : `, and takes nothing for ${info.rejected.map(String).join(", ")}`;
      return `the server says ${lineOf(info.response)}${refused}`;
    } catch (thrown) {
      signal.throwIfAborted();
      const why = deadline.aborted ? "the server takes too long" : wordsOf(thrown);
      throw new NotDelivered(why, { cause: thrown });
    } finally {
      transport.close();
    }
  }

  async #read() {
    const { authorities, login } = this.#config;
    return {
      authorities: authorities === undefined ? undefined : await readAuthorities(authorities),
      login: login === undefined ? undefined : { user: login.user, pass: await readSecretFrom(login.password) },
    };
  }
}

async function readAuthorities(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new LuksmithError("config", `the authorities ${path} cannot be read`, { cause });
  }
}

/** nodemailer's errors have what the server said, and never the password. */
function wordsOf(thrown: unknown): string {
  return thrown instanceof Error ? lineOf(thrown.message) : "the message could not be sent";
}

function lineOf(text: string): string {
  return text.split(/\r?\n/, 1)[0] ?? "";
}
