/** The fleet's authorities at work: who is trusted, who issues, and how one takes the place of another. */

import { X509Certificate } from "node:crypto";
import type { Clock } from "../../common/clock.ts";
import { LuksmithError } from "../../common/errors.ts";
import { fingerprintOf } from "../../common/fleet/certificate.ts";
import type { FleetIdentity, IdentityKind } from "../../common/fleet/identity.ts";
import {
  type AuthorityRow,
  type AuthoritySettings,
  authoritySettings,
  changeAuthoritySettings,
  deleteAuthority,
  insertAuthority,
  insertAuthoritySettings,
  listAuthorities,
} from "../store/authorities.ts";
import { insertCertificate, replaceCertificates } from "../store/certificates.ts";
import type { Database } from "../store/schema.ts";
import type { Store } from "../store/store.ts";
import { dayMs, type Issued, issue, makeAuthority } from "./issue.ts";
import { keyOfRequest } from "./request.ts";
import {
  dutiesIn,
  type Follower,
  planRotation,
  type RotationPhase,
  type RotationStep,
  rotationPhases,
} from "./rotation.ts";
import { seal, unseal } from "./seal.ts";

/** For how long certificates count. */
export type CertificateLives = Readonly<Record<IdentityKind, number>>;

/** Renewed at two thirds: a machine that is away for ten days is still of the fleet. */
const usualLives: CertificateLives = { machine: 30 * dayMs, operator: 30 * dayMs, controller: 30 * dayMs };

export interface AuthorityState {
  readonly phase: RotationPhase;
  readonly old: AuthorityRow;
  /** While one takes the place of another. */
  readonly next: AuthorityRow | undefined;
  /** PEM, all that are trusted. */
  readonly trusted: string;
  readonly issuesClients: AuthorityRow;
  readonly issuesServers: AuthorityRow;
}

/** A certificate that is in no list yet. */
export interface FreshCertificate extends Issued {
  readonly owner: FleetIdentity;
  readonly issuer: AuthorityRow;
  readonly issuedMs: number;
  /** PEM, all that its owner is to trust. */
  readonly trusted: string;
}

export class Authorities {
  readonly #store: Store;
  readonly #secret: Uint8Array;
  readonly #clock: Clock;
  readonly #lives: CertificateLives;

  constructor(store: Store, secret: Uint8Array, clock: Clock, lives: CertificateLives = usualLives) {
    this.#store = store;
    this.#secret = secret;
    this.#clock = clock;
    this.#lives = lives;
  }

  /** @throws {LuksmithError} "config" when the fleet has none */
  async state(): Promise<AuthorityState> {
    const { database } = this.#store;
    // one may come or go between the two questions; then what is named is not there, and it is asked again
    const [settings, rows] = [await authoritySettings(database), await listAuthorities(database)];
    const state = settings && stateOf(settings, rows);
    if (state !== undefined) return state;
    const again = await authoritySettings(database);
    const found = again && stateOf(again, await listAuthorities(database));
    if (found !== undefined) return found;
    throw new LuksmithError("config", "the fleet has no authority", { hint: "luksmith-controller init makes one" });
  }

  /** The fleet's first. @throws {LuksmithError} "exists" */
  async begin(): Promise<void> {
    const row = await this.#make();
    await this.#store.transaction(async (database) => {
      if ((await authoritySettings(database)) !== undefined) {
        throw new LuksmithError("exists", "the fleet has an authority already");
      }
      await insertAuthority(database, row);
      await insertAuthoritySettings(database, { phase: "none", old: row.fingerprint, next: undefined });
    });
  }

  /**
   * A certificate for a machine or an operator; it counts once {@link record} has put it down.
   * @param request PKCS #10: only its key is taken
   * @throws {LuksmithError} "usage" for a request that cannot be used; "wrong_key" without the right secret
   */
  async issueClient(
    owner: FleetIdentity & { kind: "machine" | "operator" },
    request: Uint8Array,
  ): Promise<FreshCertificate> {
    const publicKey = await keyOfRequest(request);
    const state = await this.state();
    return this.#issue(state.issuesClients, state.trusted, owner, publicKey);
  }

  /** Another one for a controller's own port; put down as well, in the place of those that it had. */
  async issueController(id: string, request: Uint8Array): Promise<FreshCertificate> {
    const publicKey = await keyOfRequest(request);
    const state = await this.state();
    const owner = { kind: "controller", name: id } as const;
    const fresh = await this.#issue(state.issuesServers, state.trusted, owner, publicKey);
    await this.#store.transaction(async (database) => {
      await replaceCertificates(database, owner);
      await this.record(database, fresh);
    });
    return fresh;
  }

  /** @throws {LuksmithError} "locked" when the authority went meanwhile: to be tried again */
  async record(database: Database, fresh: FreshCertificate): Promise<void> {
    const settings = await authoritySettings(database);
    if (settings?.old !== fresh.issuer.fingerprint && settings?.next !== fresh.issuer.fingerprint) {
      throw new LuksmithError("locked", "the fleet's authority has just been changed", { hint: "try again" });
    }
    await insertCertificate(database, {
      serial: fresh.serial,
      owner: fresh.owner,
      issuer: fresh.issuer.fingerprint,
      issuedMs: fresh.issuedMs,
      expiresMs: fresh.notAfter.getTime(),
    });
  }

  /**
   * One step of a rotation. All controllers hear of it.
   * @param followersOf those who have to come along, given the authority that is to come; undefined before there is one
   * @throws {LuksmithError} as {@link planRotation}; "locked" when somebody else was there first
   */
  async rotate(
    step: RotationStep,
    followersOf: (next: AuthorityRow | undefined) => Promise<readonly Follower[]>,
    force: boolean,
  ): Promise<RotationPhase> {
    const { phase, old, next } = await this.state();
    const { to, authorities } = planRotation(phase, step, await followersOf(next), force);
    const made = authorities === "make next" ? await this.#make() : undefined;
    const after: AuthoritySettings =
      authorities === "drop old" && next !== undefined
        ? { phase: to, old: next.fingerprint, next: undefined }
        : {
            phase: to,
            old: old.fingerprint,
            next: authorities === "drop next" ? undefined : (made ?? next)?.fingerprint,
          };
    await this.#store.transaction(async (database) => {
      if (!(await changeAuthoritySettings(database, phase, after))) {
        throw new LuksmithError("locked", "somebody else has just changed the authority", {
          hint: "luksmith fleet ca status shows how it is now",
        });
      }
      if (made !== undefined) await insertAuthority(database, made);
      if (authorities === "drop old") await deleteAuthority(database, old.fingerprint);
      if (authorities === "drop next" && next !== undefined) await deleteAuthority(database, next.fingerprint);
    });
    this.#store.notices.tell("authority", to);
    return to;
  }

  async #make(): Promise<AuthorityRow> {
    const now = this.#clock.now();
    const { certificate, key } = await makeAuthority(now);
    const parsed = new X509Certificate(certificate);
    const fingerprint = fingerprintOf(parsed);
    return {
      fingerprint,
      certificate,
      sealedKey: seal(this.#secret, fingerprint, key),
      createdMs: now.getTime(),
      expiresMs: parsed.validToDate.getTime(),
    };
  }

  async #issue(
    issuer: AuthorityRow,
    trusted: string,
    owner: FleetIdentity,
    publicKey: Awaited<ReturnType<typeof keyOfRequest>>,
  ): Promise<FreshCertificate> {
    const now = this.#clock.now();
    const key = unseal(this.#secret, issuer.fingerprint, issuer.sealedKey);
    try {
      const authority = { certificate: issuer.certificate, key };
      const issued = await issue(authority, owner, publicKey, this.#lives[owner.kind], now);
      return { ...issued, owner, issuer, issuedMs: now.getTime(), trusted };
    } finally {
      key.fill(0);
    }
  }
}

/** @returns undefined when what the settings name is not there */
function stateOf(settings: AuthoritySettings, rows: readonly AuthorityRow[]): AuthorityState | undefined {
  const phase = rotationPhases.find((known) => known === settings.phase);
  const old = rows.find(({ fingerprint }) => fingerprint === settings.old);
  const next = rows.find(({ fingerprint }) => fingerprint === settings.next);
  if (phase === undefined || old === undefined || (phase !== "none" && next === undefined)) return undefined;
  const duties = dutiesIn(phase);
  const of = (which: "old" | "next") => (which === "next" && next !== undefined ? next : old);
  return {
    phase,
    old,
    next,
    trusted: [old, ...(next === undefined ? [] : [next])].map(({ certificate }) => certificate).join(""),
    issuesClients: of(duties.issuesClients),
    issuesServers: of(duties.issuesServers),
  };
}
