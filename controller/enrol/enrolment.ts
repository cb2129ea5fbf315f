/** A machine becomes one of the fleet by a token, and stays it by new certificates. */

import { randomBytes } from "node:crypto";
import type { Clock } from "../../common/clock.ts";
import { LuksmithError } from "../../common/errors.ts";
import type { Log } from "../../common/log.ts";
import { escapeControls } from "../../common/quote.ts";
import type { Credentials, EnrollRequest, EnrollResponse } from "../../proto/gen/luksmith/v1/fleet.ts";
import type { Authorities, FreshCertificate } from "../authority/authorities.ts";
import { Allowances } from "../listen/allowances.ts";
import { sourceOf } from "../listen/source.ts";
import { certificateStanding } from "../store/certificates.ts";
import { insertEnrolledMachine, isMachineNameTaken } from "../store/enrolled-machine.ts";
import type { Database } from "../store/schema.ts";
import type { Store } from "../store/store.ts";
import { isTaken } from "../store/store-error.ts";
import { findToken, type TokenRow, takeTokenUse } from "../store/tokens.ts";
import { nameByToken } from "./machine-name.ts";
import { parseToken, type TokenFault, tokenFault } from "./token.ts";

/** For the audit. */
export interface EnrolmentFact {
  readonly action: "enroll";
  /** The machine's id, or the token's. */
  readonly target: string;
  readonly allowed: boolean;
  readonly detail: string;
}

export interface EnrolmentOptions {
  readonly store: Store;
  readonly authorities: Authorities;
  readonly clock: Clock;
  readonly log: Log;
  /** Where controllers listen, as machines are told. */
  readonly addresses: () => readonly string[];
  /** Writes it down; with the machine, or neither. */
  readonly record: (database: Database, fact: EnrolmentFact) => Promise<void>;
}

/** From one address: a whole fleet may be behind it. Nobody guesses a secret by trying; what is limited is what trying costs us. */
const attempts = { perMinute: 600, atOnce: 300 };
const failures = { perMinute: 10, atOnce: 20 };
/** Of all addresses: who has many must not fill the log and the audit. */
const allFailures = { perMinute: 10, atOnce: 200 };
/** Of one machine: twice in a month would do, and what was issued is remembered for as long as it counts. */
const renewals = { perMinute: 1 / 60, atOnce: 5 };

/** Drawn at random; in the machine's certificate. */
const idBytes = 10;
const hostnameMax = 255;
const versionMax = 64;

export class Enrolment {
  readonly #options: EnrolmentOptions;
  readonly #attempts: Allowances;
  readonly #failures: Allowances;
  readonly #allFailures: Allowances;
  readonly #renewals: Allowances;

  constructor(options: EnrolmentOptions) {
    this.#options = options;
    this.#attempts = new Allowances(options.clock, attempts);
    this.#failures = new Allowances(options.clock, failures);
    this.#allFailures = new Allowances(options.clock, allFailures);
    this.#renewals = new Allowances(options.clock, renewals);
  }

  /**
   * @param address of whoever asks
   * @throws {LuksmithError} "refused" for every token that is none, whatever is wrong with it; "locked" when there were too many
   *   attempts; "usage" for a request that cannot be used
   */
  async enroll(request: EnrollRequest, address: string): Promise<EnrollResponse> {
    const source = sourceOf(address);
    if (!this.#attempts.take(source) || !this.#failures.has(source)) throw tooMany();
    const { store, authorities, clock } = this.#options;
    const parts = parseToken(request.token);
    const token = parts === undefined ? undefined : await this.#ask(() => findToken(store.database, parts.id));
    const fault = tokenFault(parts, token, clock.now().getTime());
    if (fault !== undefined || token === undefined) throw await this.#refuse(fault ?? "unknown", parts?.id, address);
    const id = randomBytes(idBytes).toString("hex");
    const fresh = await authorities.issueClient({ kind: "machine", name: id }, request.certificateRequest);
    const machine = await this.#insert(token, id, request, fresh, address);
    if (machine === undefined) throw await this.#refuse("used up", token.id, address);
    const { name, hostname } = machine;
    this.#options.log.info({ machine: id, name, hostname, token: token.id, address }, "a machine has enrolled");
    store.notices.tell("machine", id);
    return { machineId: id, name: name ?? "", credentials: this.#credentials(fresh) };
  }

  /** Another certificate for the machine that asks. @throws {LuksmithError} "refused", "locked", "usage" */
  async renew(machineId: string, request: Uint8Array): Promise<Credentials> {
    if (!this.#renewals.take(machineId)) {
      throw new LuksmithError("locked", "the machine has had several certificates just now", {
        hint: "it has one more each hour",
      });
    }
    const { store, authorities, log } = this.#options;
    const owner = { kind: "machine", name: machineId } as const;
    const fresh = await authorities.issueClient(owner, request);
    await this.#ask(() =>
      store.transaction(async (database) => {
        // by its owner alone: this certificate is in no list yet
        if ((await certificateStanding(database, owner, fresh.serial)) !== "good") {
          throw new LuksmithError("refused", "the machine has been revoked", {
            hint: "luksmith enroll ADDRESS --token ... --ca ... --replace, with a token of luksmith fleet token create",
          });
        }
        await authorities.record(database, fresh);
      }),
    );
    log.info({ machine: machineId, serial: fresh.serial, expires: fresh.notAfter }, "a certificate was renewed");
    return this.#credentials(fresh);
  }

  /** @returns undefined when the token's last use was somebody else's */
  async #insert(token: TokenRow, id: string, request: EnrollRequest, fresh: FreshCertificate, address: string) {
    const { store, authorities, clock, record } = this.#options;
    const nowMs = clock.now().getTime();
    const hostname = plain(request.hostname, hostnameMax);
    const wanted = nameByToken(token, hostname);
    const withName = (isFree: boolean) =>
      store.transaction(async (database) => {
        // together with the machine: a use that is taken for nothing would be lost, and a machine without one free
        if (!(await takeTokenUse(database, token.id, nowMs))) return undefined;
        const mayHave = isFree && wanted !== undefined && !(await isMachineNameTaken(database, wanted));
        const notice =
          wanted === undefined || mayHave ? "" : `enrolled as ${wanted}, which is the name of another machine`;
        const machine = {
          ...{ id, name: mayHave ? wanted : undefined, hostname, labels: token.labels, notice },
          ...{ version: plain(request.version, versionMax), tokenId: token.id, enrolledMs: nowMs },
        };
        await insertEnrolledMachine(database, machine);
        await authorities.record(database, fresh);
        const called = machine.name ?? `no name yet; host name ${hostname}`;
        const detail = `${called}; token ${token.id}, from ${address}${notice === "" ? "" : `; ${notice}`}`;
        await record(database, { action: "enroll", target: id, allowed: true, detail });
        return machine;
      });
    return this.#ask(async () => {
      try {
        return await withName(true);
      } catch (error) {
        // another one took the name between the question and the row
        if (!isTaken(error)) throw error;
        return withName(false);
      }
    });
  }

  /** Says to the log and the audit what it was. @returns what whoever asked is told */
  async #refuse(fault: TokenFault, id: string | undefined, address: string): Promise<LuksmithError> {
    this.#failures.take(sourceOf(address));
    if (this.#allFailures.take("")) {
      this.#options.log.warn({ token: id, fault, address }, "a token was refused");
      await this.#options.record(this.#options.store.database, {
        action: "enroll",
        target: id ?? "",
        allowed: false,
        detail: `token ${fault}, from ${address}`,
      });
    }
    return new LuksmithError("refused", "the token is not accepted: it may be mistyped, expired, used up or revoked", {
      hint: "luksmith fleet token list shows which there are; luksmith fleet token create makes another",
    });
  }

  #credentials(fresh: FreshCertificate): Credentials {
    return {
      certificate: fresh.certificate,
      authorities: fresh.trusted,
      addresses: [...this.#options.addresses()],
    };
  }

  /** In words for whoever asked. */
  async #ask<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw this.#options.store.error(error);
    }
  }
}

function plain(text: string, longest: number): string {
  return escapeControls(text.slice(0, longest));
}

function tooMany(): LuksmithError {
  return new LuksmithError("locked", "too many attempts", { hint: "wait a minute, and try again" });
}
