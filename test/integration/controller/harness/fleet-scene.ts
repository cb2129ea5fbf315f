/** A fleet of a test's own: a store, an authority, and a port that is listened on. */

import type { UntypedServiceImplementation } from "@grpc/grpc-js";
import { Client, Server, type ServiceDefinition } from "@grpc/grpc-js";
import { pino } from "pino";
import { type Clock, systemClock } from "../../../../common/clock.ts";
import { makeKeyAndRequest } from "../../../../common/fleet/certificate-request.ts";
import { type ClientTls, fleetChannelOptions, fleetCredentials } from "../../../../common/fleet/channel.ts";
import { Authorities } from "../../../../controller/authority/authorities.ts";
import { type CallRates, gate } from "../../../../controller/listen/gate.ts";
import {
  type FleetListener,
  fleetServerOptions,
  type ListenLimits,
  listenForFleet,
  listenLimits,
  type TurnedAway,
} from "../../../../controller/listen/listen.ts";
import { OwnCertificate } from "../../../../controller/listen/own-certificate.ts";
import { Revocations } from "../../../../controller/listen/revocations.ts";
import { certificateStanding } from "../../../../controller/store/certificates.ts";
import { Store } from "../../../../controller/store/store.ts";

export const silent = pino({ level: "silent" });
export const testSecret = Buffer.alloc(32, 7);

export interface Credential {
  readonly certificate: string;
  readonly key: string;
  readonly serial: string;
}

export interface FleetSceneOptions {
  readonly clock?: Clock;
  readonly limits?: Partial<ListenLimits>;
  readonly rates?: CallRates;
  readonly lifeMs?: number;
  /** With its authority, and the secret that this was sealed with. */
  readonly begun?: { readonly store: Store; readonly secret: Uint8Array };
  readonly store?: Store;
}

export class FleetScene implements AsyncDisposable {
  readonly store: Store;
  readonly authorities: Authorities;
  readonly listener: FleetListener;
  readonly turnedAway: TurnedAway[];
  readonly #server: Server;
  readonly #own: OwnCertificate;
  readonly #revocations: Revocations;
  readonly #clients: Client[] = [];

  private constructor(parts: {
    store: Store;
    authorities: Authorities;
    listener: FleetListener;
    turnedAway: TurnedAway[];
    server: Server;
    own: OwnCertificate;
    revocations: Revocations;
  }) {
    this.store = parts.store;
    this.authorities = parts.authorities;
    this.listener = parts.listener;
    this.turnedAway = parts.turnedAway;
    this.#server = parts.server;
    this.#own = parts.own;
    this.#revocations = parts.revocations;
  }

  /** @param services what is served, once there is an authority to serve it by */
  static async start(
    services: (
      authorities: Authorities,
      store: Store,
    ) => readonly (readonly [ServiceDefinition, UntypedServiceImplementation])[],
    { clock = systemClock, limits = {}, rates, lifeMs, store: given, begun }: FleetSceneOptions = {},
  ): Promise<FleetScene> {
    const store = begun?.store ?? given ?? (await Store.open(":memory:", clock, silent));
    const authorities = new Authorities(
      store,
      begun?.secret ?? testSecret,
      clock,
      lifeMs === undefined ? undefined : { machine: lifeMs, operator: lifeMs, controller: lifeMs },
    );
    if (begun === undefined) await authorities.begin();
    const standing = (identity: Parameters<typeof certificateStanding>[1], serial: string) =>
      certificateStanding(store.database, identity, serial);
    const server = new Server({ ...fleetServerOptions, interceptors: [gate(standing, clock, silent, rates)] });
    for (const [definition, implementation] of services(authorities, store)) {
      server.addService(definition, implementation);
    }
    const own = new OwnCertificate(authorities, "c1", clock, silent);
    const turnedAway: TurnedAway[] = [];
    const listener = await listenForFleet({
      ...{ host: "127.0.0.1", port: 0, server, tls: await own.make(), standing, clock, log: silent },
      onTurnedAway: (who) => turnedAway.push(who),
      limits: { ...listenLimits, ...limits },
    });
    own.follow(store.notices, (tls) => listener.show(tls));
    const revocations = new Revocations(store, clock, silent, ({ owner }) => listener.cut(owner));
    revocations.follow();
    return new FleetScene({ store, authorities, listener, turnedAway, server, own, revocations });
  }

  get address(): string {
    return `127.0.0.1:${this.listener.port}`;
  }

  /** PEM, of the authorities that are trusted now. */
  async trusted(): Promise<string> {
    return (await this.authorities.state()).trusted;
  }

  async machine(id: string, state: "active" | "pending" | "revoked" = "active"): Promise<Credential> {
    const bytes = new Uint8Array();
    await this.store.database
      .insertInto("machines")
      .values({
        ...{ id, name: id, hostname: id, state, labels: "{}", version: "1", token_id: "", enrolled_ms: 1 },
        ...{ last_seen_ms: null, clock_skew_ms: 0, controller_id: null, instance: "", stream: 1, inventory: bytes },
        ...{ trust: bytes, schedules_revision: "", notice: "" },
      })
      .execute();
    return this.credential("machine", id);
  }

  async operator(name: string): Promise<Credential> {
    await this.store.database
      .insertInto("operators")
      .values({
        ...{ name, role: "admin", scope: "", created_ms: 1, created_by: "", revoked_ms: null, last_seen_ms: null },
      })
      .execute();
    return this.credential("operator", name);
  }

  async credential(kind: "machine" | "operator", name: string): Promise<Credential> {
    const { key, request } = await makeKeyAndRequest();
    const fresh = await this.authorities.issueClient({ kind, name }, request);
    await this.authorities.record(this.store.database, fresh);
    return { certificate: fresh.certificate, key, serial: fresh.serial };
  }

  /** @param tls whom it believes, and what it shows; closed with the scene */
  client(tls: ClientTls): Client {
    const client = new Client(this.address, fleetCredentials(tls), fleetChannelOptions);
    this.#clients.push(client);
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.#revocations.close();
    await this.#own.close();
    await this.listener.close();
    this.#server.forceShutdown();
    await this.store.close();
  }
}
