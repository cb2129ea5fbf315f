/** Whether somebody listens, as /proc/net shows it: asked without connecting, which would use up the one client there may be. Pure. */

import { isIPv4 } from "node:net";

/** __SO_ACCEPTCON in the column of flags; net/unix/af_unix.c, unix_seq_show. */
const acceptsConnections = 0x10000;
/** TCP_LISTEN; include/net/tcp_states.h. */
const listenState = 0x0a;

/** @param table the text of /proc/net/unix */
export function listensOnSocket(table: string, path: string): boolean {
  return table.split("\n").some((line) => {
    const [, , , flags = "", , , , bound] = line.split(/\s+/);
    return bound === path && (Number.parseInt(flags, 16) & acceptsConnections) !== 0;
  });
}

/**
 * @param table the text of /proc/net/tcp, or of tcp6 for an IPv6 address
 * @returns the uid of who does, or undefined
 */
export function listenerOnPort(table: string, address: string, port: number): number | undefined {
  const wanted = `${hexAddress(address)}${hexPort(port)}`;
  return listeners(table).find(({ local }) => local === wanted)?.uid;
}

/** Whether a server on this address would find the port taken, be it by one that listens on all addresses. @param tables tcp and tcp6 */
export function isPortTaken(tables: readonly string[], address: string, port: number): boolean {
  const wanted = [address, "0.0.0.0", "::"].map((one) => `${hexAddress(one)}${hexPort(port)}`);
  return tables.some((table) => listeners(table).some(({ local }) => wanted.includes(local)));
}

function listeners(table: string): { local: string; uid: number }[] {
  return table.split("\n").flatMap((line) => {
    const [, local = "", , state = "", , , , uid] = line.trim().split(/\s+/);
    return Number.parseInt(state, 16) === listenState ? [{ local, uid: Number(uid) }] : [];
  });
}

function hexPort(port: number): string {
  return `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
}

/** As the kernel prints it: 32-bit words of this machine's byte order, which is little-endian where we run (x64, arm64). */
function hexAddress(address: string): string {
  const bytes = isIPv4(address) ? address.split(".").map(Number) : bytesOfIpv6(address);
  const words = Array.from({ length: bytes.length / 4 }, (_, index) => bytes.slice(index * 4, index * 4 + 4));
  return words
    .flatMap((word) => word.toReversed())
    .map((byte) => byte.toString(16).toUpperCase().padStart(2, "0"))
    .join("");
}

function bytesOfIpv6(address: string): number[] {
  // the URL parser writes out what is embedded, and shortens what is long, in the one way of RFC 5952
  const normal = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  const [head = "", tail] = normal.split("::");
  const groups = (text: string) => (text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16)));
  const front = groups(head);
  const back = groups(tail ?? "");
  const zeros = Array.from({ length: 8 - front.length - back.length }, () => 0);
  return [...front, ...(tail === undefined ? [] : zeros), ...back].flatMap((group) => [group >> 8, group & 0xff]);
}
