/**
 * The controller's one port: TLS, each connection marked with who it is before gRPC sees it. Everybody may connect who can reach it,
 * so that what a stranger can take is limited, and nothing that comes in ends the program.
 */

import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import { type Server as GrpcServer, ServerCredentials, type ServerOptions } from "@grpc/grpc-js";
import type { Rate } from "../../common/allowance.ts";
import type { Clock } from "../../common/clock.ts";
import { LuksmithError } from "../../common/errors.ts";
import { certificatesIn } from "../../common/fleet/certificate.ts";
import type { FleetIdentity } from "../../common/fleet/identity.ts";
import type { Log } from "../../common/log.ts";
import { Places } from "../../common/places.ts";
import { LimitedLog } from "../limited-log.ts";
import { every } from "../occasion.ts";
import { Routine } from "../routine.ts";
import { Allowances } from "./allowances.ts";
import { type ConnectionCounts, Connections, type Cut } from "./connections.ts";
import { type AskStanding, ask } from "./gate.ts";
import { isKnown, markPeer, type Peer } from "./peer.ts";
import type { Refusal } from "./refusal.ts";
import { type ServerTls, secureContextOptions } from "./server-tls.ts";
import { sourceOf } from "./source.ts";
import { judge } from "./verdict.ts";

export interface ListenLimits {
  /** A fleet behind one address comes back all at once; the rest of it waits for another try. */
  readonly handshakesEach: number;
  readonly handshakes: number;
  readonly handshakeMs: number;
  /** Connections of whoever has no certificate that counts, from one address and in all; and for how long. */
  readonly strangersEach: number;
  readonly strangers: number;
  readonly strangerMs: number;
  /** Of one machine or operator. */
  readonly each: number;
  /** How often each may connect: whoever is to be let in is looked up. */
  readonly eachRate: Rate;
  /** How often it is looked which connections are to end. */
  readonly sweepMs: number;
}

export const listenLimits: ListenLimits = {
  handshakesEach: 1024,
  handshakes: 4096,
  handshakeMs: 20_000,
  strangersEach: 64,
  strangers: 1024,
  strangerMs: 60_000,
  each: 32,
  eachRate: { perMinute: 600, atOnce: 600 },
  sweepMs: 5_000,
};

/** The largest message: some thousand events of a run. More ends the call before it is read. */
const messageBytesMax = 2 ** 20;

/** What a client can have of memory and time; grpc-js by itself has no limits. */
export const fleetServerOptions = {
  "grpc.max_receive_message_length": messageBytesMax,
  "grpc.max_concurrent_streams": 32,
  // of headers and frames that wait, in each connection: Node's unit, and the least that takes a message of the largest kind
  "grpc-node.max_session_memory": 2,
  // an operator that vanished without a word is noticed by this; of machines heartbeats tell, and sooner
  "grpc.keepalive_time_ms": 300_000,
  "grpc.keepalive_timeout_ms": 20_000,
  "grpc.enable_channelz": 0,
} as const satisfies ServerOptions;

/** Somebody whose certificate did not count. */
export interface TurnedAway {
  readonly refusal: Refusal;
  /** Whom the certificate names, where one of our authorities has signed it. */
  readonly claimed: FleetIdentity | undefined;
  readonly address: string;
}

export interface ListenOptions {
  readonly host: string | undefined;
  readonly port: number;
  /** With {@link gate} among its interceptors. */
  readonly server: GrpcServer;
  readonly tls: ServerTls;
  readonly standing: AskStanding;
  readonly clock: Clock;
  readonly log: Log;
  readonly onTurnedAway?: (who: TurnedAway) => void;
  readonly limits?: ListenLimits;
}

export interface FleetListener extends AsyncDisposable {
  /** Which one it is, when 0 was asked for. */
  readonly port: number;
  /** From the next connection on; those that are there stay as they are. */
  show(tls: ServerTls): void;
  /** @returns how many connections were ended */
  cut(whom: Cut): number;
  counts(): ConnectionCounts;
  /** Takes no more connections; those that there are stay. Safe to call twice. */
  stop(): void;
  /** Ends those as well. */
  close(): Promise<void>;
}

/** A fleet that comes back waits there and not for its next try; the kernel has a limit of its own (net.core.somaxconn). */
const backlog = 4096;
/** @throws {LuksmithError} "config" when the port cannot be listened on */
export async function listenForFleet(options: ListenOptions): Promise<FleetListener> {
  const { server, clock, log, standing, limits = listenLimits } = options;
  let authorities = certificatesIn(options.tls.trusted);
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const connections = new Connections();
  const handshakes = new Places(limits.handshakesEach, limits.handshakes);
  const strangers = new Places(limits.strangersEach, limits.strangers);
  const known = new Places(limits.each);
  const comings = new Allowances(clock, limits.eachRate);
  const lines = new LimitedLog(log, clock);
  const shakingHands = new Map<string, { readonly socket: Socket; readonly end: () => void }>();
  const stopped = new AbortController();

  const tlsServer = createTlsServer({
    ...secureContextOptions(options.tls),
    requestCert: true,
    // whoever shows none may enrol; the rest is judged below
    rejectUnauthorized: false,
    ALPNProtocols: ["h2"],
    handshakeTimeout: limits.handshakeMs,
  });

  /** @returns undefined for who comes too often */
  const identify = async (socket: TLSSocket, address: string): Promise<Peer | undefined> => {
    const certificate = socket.getPeerX509Certificate();
    if (certificate === undefined) return { kind: "stranger", address };
    const verdict = judge(certificate, socket.authorized, authorities, clock.now());
    if ("shown" in verdict) {
      const { identity, serial, expiresMs } = verdict.shown;
      const who = `${identity.kind} ${identity.name}`;
      // by the certificate: whoever has an older one of somebody's must not keep the owner out
      if (identity.kind !== "controller" && !comings.take(serial)) {
        lines.warn(who, { ...identity, address }, "somebody connects too often");
        return undefined;
      }
      const found = await ask(standing, identity, serial, clock, (error) =>
        lines.warn("", { err: error }, "a certificate is not checked"),
      );
      if (found === "good") return { ...identity, serial, expiresMs, address };
      return turnAway({ refusal: found, claimed: identity, address });
    }
    return turnAway({ ...verdict, address });
  };

  const turnAway = (who: TurnedAway): Peer => {
    const claimed = who.claimed && `${who.claimed.kind} ${who.claimed.name}`;
    lines.warn(claimed ?? sourceOf(who.address), { ...who, claimed }, "a certificate was refused");
    options.onTurnedAway?.(who);
    return { kind: "refused", address: who.address, refusal: who.refusal };
  };

  const take = (socket: TLSSocket, peer: Peer) => {
    const isOurs = isKnown(peer);
    const release = isOurs ? known.take(`${peer.kind} ${peer.name}`) : strangers.take(sourceOf(peer.address));
    if (release === undefined) {
      const who = isOurs ? { name: peer.name } : {};
      const facts = { kind: peer.kind, address: peer.address, ...who };
      lines.warn(isOurs ? peer.name : sourceOf(peer.address), facts, "too many connections");
      socket.destroy();
      return;
    }
    socket.once("close", release);
    connections.add(socket, peer, isOurs ? peer.expiresMs : clock.now().getTime() + limits.strangerMs);
    markPeer(socket, peer);
    injector.injectConnection(socket);
  };

  tlsServer.on("secureConnection", (socket) => {
    // of a connection that is lost nobody hears but who uses it
    socket.on("error", () => undefined);
    const address = socket.remoteAddress ?? "";
    const handshake = shakingHands.get(placeOf(socket));
    identify(socket, address)
      .then((peer) => {
        const isWanted = socket.alpnProtocol === "h2" && !socket.destroyed && !stopped.signal.aborted;
        if (peer !== undefined && isWanted) take(socket, peer);
        else socket.destroy();
      })
      .catch((error: unknown) => {
        lines.error("", { err: error }, "a connection could not be taken");
        socket.destroy();
      })
      .finally(() => handshake?.end());
  });
  tlsServer.on("tlsClientError", (error, socket) => {
    log.debug({ err: error }, "a handshake failed");
    socket.destroy();
  });

  const listener = createServer({ noDelay: true, keepAlive: true }, (socket) => {
    socket.on("error", () => undefined);
    const address = socket.remoteAddress ?? "";
    const release = handshakes.take(sourceOf(address));
    if (release === undefined) {
      socket.destroy();
      lines.warn(sourceOf(address), { address }, "too many handshakes at once");
      return;
    }
    const place = placeOf(socket);
    const end = () => {
      if (shakingHands.get(place)?.socket === socket) shakingHands.delete(place);
      release();
    };
    shakingHands.set(place, { socket, end });
    socket.once("close", end);
    tlsServer.emit("connection", socket);
  });
  listener.listen({ host: options.host, port: options.port, backlog });
  try {
    await once(listener, "listening");
  } catch (cause) {
    throw new LuksmithError("config", `cannot listen on ${options.host}:${options.port}`, {
      hint: "another program may have the port: ss -ltnp",
      cause,
    });
  }
  // such as no file descriptors left: this connection is lost, the next may do
  listener.on("error", (error) => lines.error("", { err: error }, "a connection could not be taken"));

  const sweeping = new Routine();
  sweeping.beginLater({
    when: every(clock, limits.sweepMs),
    work: async () => connections.endOverdue(clock.now()),
    failed: (error) => log.error({ err: error }, "connections that are to end were not looked for"),
  });
  const stop = () => {
    if (listener.listening) listener.close();
  };
  const close = async () => {
    stop();
    stopped.abort();
    connections.endAll();
    for (const { socket } of shakingHands.values()) socket.destroy();
    await sweeping.end();
  };
  return {
    port: portOf(listener.address()),
    show: (tls) => {
      tlsServer.setSecureContext(secureContextOptions(tls));
      authorities = certificatesIn(tls.trusted);
    },
    cut: (whom) => connections.cut(whom),
    counts: () => connections.counts(),
    stop,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** What no two connections have in common while both are open. */
function placeOf({ remoteAddress, remotePort, localAddress }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress}`;
}

function portOf(address: ReturnType<ReturnType<typeof createServer>["address"]>): number {
  return typeof address === "object" && address !== null ? address.port : 0;
}
