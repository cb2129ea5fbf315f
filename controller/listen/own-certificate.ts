/** What this controller shows at its port: made anew before it expires, and when the fleet's authorities change. Its key is in no file. */

import { X509Certificate } from "node:crypto";
import type { Clock } from "../../common/clock.ts";
import { readCertificate } from "../../common/fleet/certificate.ts";
import { makeKeyAndRequest } from "../../common/fleet/certificate-request.ts";
import { renewalTime } from "../../common/fleet/renewal.ts";
import type { Log } from "../../common/log.ts";
import type { Authorities, AuthorityState } from "../authority/authorities.ts";
import { onNews } from "../occasion.ts";
import { Routine } from "../routine.ts";
import type { Notices } from "../store/notices.ts";
import type { ServerTls } from "./server-tls.ts";

/** A notice can be lost. */
const lookEveryMs = 30_000;

export class OwnCertificate {
  readonly #authorities: Authorities;
  readonly #controller: string;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #routine = new Routine();
  #current: ServerTls | undefined;
  #renewAt = new Date(0);
  #issuer = "";
  #trusted = "";

  /** @param controller its id */
  constructor(authorities: Authorities, controller: string, clock: Clock, log: Log) {
    this.#authorities = authorities;
    this.#controller = controller;
    this.#clock = clock;
    this.#log = log;
  }

  /** @throws {LuksmithError} "config", "wrong_key"; what the database throws */
  async make(): Promise<ServerTls> {
    return (await this.#refreshed()) ?? this.#issued(await this.#authorities.state());
  }

  /** @param show hears of each new one */
  follow(notices: Notices, show: (tls: ServerTls) => void): void {
    this.#routine.beginLater({
      when: onNews(notices, "authority", this.#clock, lookEveryMs),
      work: async () => {
        const fresh = await this.#refreshed();
        if (fresh !== undefined) show(fresh);
      },
      // there is a third of its life left for it
      failed: (error) => this.#log.error({ err: error }, "the controller's own certificate could not be looked after"),
    });
  }

  async close(): Promise<void> {
    await this.#routine.end();
  }

  /** @returns undefined when there is nothing new */
  async #refreshed(): Promise<ServerTls | undefined> {
    const state = await this.#authorities.state();
    const isSameIssuer = state.issuesServers.fingerprint === this.#issuer;
    if (this.#current !== undefined && isSameIssuer && this.#clock.now() < this.#renewAt) {
      if (state.trusted === this.#trusted) return undefined;
      this.#trusted = state.trusted;
      this.#current = { ...this.#current, trusted: state.trusted };
      return this.#current;
    }
    this.#current = await this.#issued(state);
    return this.#current;
  }

  async #issued(state: AuthorityState): Promise<ServerTls> {
    const { key, request } = await makeKeyAndRequest();
    const fresh = await this.#authorities.issueController(this.#controller, request);
    this.#renewAt = renewalTime(readCertificate(new X509Certificate(fresh.certificate)), Math.random());
    this.#issuer = fresh.issuer.fingerprint;
    this.#trusted = state.trusted;
    this.#log.info({ expires: fresh.notAfter, issuer: this.#issuer }, "the controller has a new certificate");
    return { chain: fresh.certificate + fresh.issuer.certificate, key, trusted: state.trusted };
  }
}
