/** The connections that are open, so that each can be ended when it is no longer to be. */

import type { TLSSocket } from "node:tls";
import type { FleetIdentity } from "../../common/fleet/identity.ts";
import { isKnown, type Peer } from "./peer.ts";

/** By whom, or with which certificate. */
export type Cut = FleetIdentity | { readonly serial: string };

export interface ConnectionCounts {
  readonly machines: number;
  readonly operators: number;
  readonly controllers: number;
  /** Without a certificate, or with one that does not count. */
  readonly others: number;
}

interface Connection {
  readonly peer: Peer;
  /** When it ends in any case. */
  readonly untilMs: number;
}

export class Connections {
  readonly #open = new Map<TLSSocket, Connection>();

  /** @param untilMs wall clock */
  add(socket: TLSSocket, peer: Peer, untilMs: number): void {
    this.#open.set(socket, { peer, untilMs });
    socket.once("close", () => this.#open.delete(socket));
    if (socket.destroyed) this.#open.delete(socket);
  }

  /** Ends them at once. @returns how many there were */
  cut(whom: Cut): number {
    return this.#endThose(({ peer }) => {
      if (!isKnown(peer)) return false;
      return "serial" in whom ? peer.serial === whom.serial : peer.kind === whom.kind && peer.name === whom.name;
    });
  }

  /** Ends those whose certificates have expired, and strangers who stay. */
  endOverdue(now: Date): number {
    return this.#endThose(({ untilMs }) => untilMs <= now.getTime());
  }

  endAll(): void {
    this.#endThose(() => true);
  }

  counts(): ConnectionCounts {
    const kinds = [...this.#open.values()].map(({ peer }) => peer.kind);
    const of = (kind: Peer["kind"]) => kinds.filter((other) => other === kind).length;
    return {
      machines: of("machine"),
      operators: of("operator"),
      controllers: of("controller"),
      others: of("stranger") + of("refused"),
    };
  }

  #endThose(isOne: (connection: Connection) => boolean): number {
    const those = [...this.#open].filter(([, connection]) => isOne(connection));
    for (const [socket] of those) socket.destroy();
    return those.length;
  }
}
