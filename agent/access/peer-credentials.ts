/**
 * Who is at the other end of a Unix socket, as the kernel tells it, and how that reaches a gRPC call: grpc-js hands a
 * call the `remoteAddress` of its connection (call.getPeer()), so the identity is put there before gRPC gets the
 * connection. Nothing that a client sends can change it.
 */

import type { Socket } from "node:net";
import { LuksmithError } from "../../common/errors.ts";
import type { Libc } from "./libc.ts";

export interface PeerCredentials {
  /** As it was when the connection was made; 0 when it is in another PID namespace. For logs only: it may be in use again. */
  readonly pid: number;
  /** The effective user and group when the connection was made. */
  readonly uid: number;
  readonly gid: number;
}

/** @throws {LuksmithError} "denied" when the kernel does not say, or the connection is gone already */
export function readPeerCredentials(libc: Libc, socket: Socket): PeerCredentials {
  return libc.peerCredentials(descriptorOf(socket));
}

/** Node has no public way to a socket's file descriptor; this one is as old as its pipes and what libuv itself keeps. */
function descriptorOf(socket: Socket): number {
  const handle: unknown = Reflect.get(socket, "_handle");
  const fd: unknown = typeof handle === "object" && handle !== null ? Reflect.get(handle, "fd") : undefined;
  if (typeof fd !== "number" || fd < 0)
    throw new LuksmithError("denied", "the connection was gone before it was known whose it is");
  return fd;
}

/** Makes gRPC say `peerText(credentials)` for every call on this connection. */
export function markPeer(socket: Socket, credentials: PeerCredentials): void {
  Object.defineProperty(socket, "remoteAddress", { value: peerText(credentials), writable: false });
}

export function peerText({ uid, gid, pid }: PeerCredentials): string {
  return `uid=${uid};gid=${gid};pid=${pid}`;
}

const peerPattern = /^uid=(0|[1-9]\d{0,9});gid=(0|[1-9]\d{0,9});pid=(0|[1-9]\d{0,9})$/;
/** (uid_t) -1 is no user, and nothing is beyond it. */
const idMax = 2 ** 32 - 2;

/**
 * The other way round.
 * @param peer of call.getPeer(), asked at the start of a call: once the client is gone it is "unknown"
 * @throws {LuksmithError} "denied" for everything that `peerText` did not make
 */
export function parsePeer(peer: string): PeerCredentials {
  const [uid, gid, pid] = (peerPattern.exec(peer) ?? []).slice(1).map(Number);
  if (uid === undefined || gid === undefined || pid === undefined || uid > idMax || gid > idMax) {
    throw new LuksmithError("denied", "it is not known who is calling");
  }
  return { uid, gid, pid };
}
