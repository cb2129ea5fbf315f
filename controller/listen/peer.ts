/**
 * Who is at the other end of a connection, as its certificate has proved, and how that reaches a gRPC call: grpc-js hands a call the
 * `remoteAddress` of its connection (call.getPeer()), so it is put there before gRPC gets the connection. Nothing that a client sends
 * afterwards changes it.
 */

import type { TLSSocket } from "node:tls";
import { LuksmithError } from "../../common/errors.ts";
import { type FleetIdentity, type IdentityKind, identityKinds } from "../../common/fleet/identity.ts";
import { isRefusal, type Refusal } from "./refusal.ts";

/** Who has shown a certificate that counts. */
export interface KnownPeer extends FleetIdentity {
  readonly address: string;
  /** Of the certificate. */
  readonly serial: string;
  readonly expiresMs: number;
}

/** Who has shown none. */
interface Stranger {
  readonly kind: "stranger";
  readonly address: string;
}

/** Who has shown one that does not count: it is answered why, and nothing else. */
interface RefusedPeer {
  readonly kind: "refused";
  readonly address: string;
  readonly refusal: Refusal;
}

export type Peer = KnownPeer | Stranger | RefusedPeer;

export function isKnown(peer: Peer): peer is KnownPeer {
  return peer.kind !== "stranger" && peer.kind !== "refused";
}

/** Makes gRPC say `peerText(peer)` for every call on this connection. */
export function markPeer(socket: TLSSocket, peer: Peer): void {
  Object.defineProperty(socket, "remoteAddress", { value: peerText(peer), writable: false });
  // gRPC would append it
  Object.defineProperty(socket, "remotePort", { value: undefined, writable: false });
}

export function peerText(peer: Peer): string {
  if (peer.kind === "stranger") return `stranger;address=${peer.address}`;
  if (peer.kind === "refused") return `refused=${peer.refusal};address=${peer.address}`;
  return `${peer.kind}=${peer.name};serial=${peer.serial};expires=${peer.expiresMs};address=${peer.address}`;
}

const address = ";address=([0-9A-Za-z:.%_-]{0,64})";
const strangerPattern = new RegExp(`^stranger${address}$`);
const refusedPattern = new RegExp(`^refused=([a-z]+)${address}$`);
const knownPattern = new RegExp(
  `^(${identityKinds.join("|")})=([a-z0-9][a-z0-9._-]{0,63});serial=([0-9a-f]{1,64});expires=(\\d{1,15})${address}$`,
);

/**
 * The other way round.
 * @param peer of call.getPeer(), asked at the start of a call: once the client is gone it is "unknown"
 * @throws {LuksmithError} "denied" for everything that `peerText` did not make
 */
export function parsePeer(peer: string): Peer {
  const known = knownPattern.exec(peer);
  if (known !== null) {
    const [, kind, name = "", serial = "", expires, from = ""] = known;
    return { kind: kind as IdentityKind, name, serial, expiresMs: Number(expires), address: from };
  }
  const stranger = strangerPattern.exec(peer);
  if (stranger !== null) return { kind: "stranger", address: stranger[1] ?? "" };
  const [, refusal = "", from = ""] = refusedPattern.exec(peer) ?? [];
  if (isRefusal(refusal)) return { kind: "refused", address: from, refusal };
  throw new LuksmithError("denied", "it is not known who is calling");
}

/** @throws {LuksmithError} "denied" for whoever is something else */
export function requireKind(peer: string, kind: IdentityKind): KnownPeer {
  const found = parsePeer(peer);
  if (found.kind === kind && isKnown(found)) return found;
  throw new LuksmithError("denied", `this is for ${kind}s of the fleet alone`);
}
