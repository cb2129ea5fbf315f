/** Addresses and networks, as they stand in the configuration: "192.0.2.7", "192.0.2.0/24", "2001:db8::/32". */

import { BlockList, isIP, isIPv6 } from "node:net";
import * as z from "zod";

export interface Network {
  readonly text: string;
  /** @param address an IP address; what is none is in no network */
  contains(address: string): boolean;
}

/** An IP address of either kind, which a zone ("fe80::1%eth0") is no part of. */
export function isAddress(text: string): boolean {
  return isIP(text) !== 0 && !text.includes("%");
}

/**
 * An address as everybody writes it: an IPv4 address that came in IPv6's clothes (RFC 4291, 2.5.5.2) is that IPv4 address.
 * @returns undefined for what is none, or only is one on one of this host's links ("fe80::1%eth0"), which no rule can name
 */
export function plainAddress(text: string): string | undefined {
  if (!isAddress(text)) return undefined;
  if (!isIPv6(text)) return text;
  const normal = new URL(`http://[${text}]/`).hostname.slice(1, -1);
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(normal) ?? [];
  if (high === undefined || low === undefined) return normal;
  const bytes = [high, low].map((group) => Number.parseInt(group, 16)).flatMap((group) => [group >> 8, group & 0xff]);
  return bytes.join(".");
}

export function isPort(port: number): boolean {
  return Number.isSafeInteger(port) && port >= 1 && port <= 65_535;
}

/** One that a server listens on: none that stands for all of them, or that would be another's in other clothes. */
export const addressSchema = z
  .string()
  .refine((text) => isAddress(text) && plainAddress(text) === text.toLowerCase(), {
    error: "must be an IP address (IPv6 in its shortest form, without a zone)",
    abort: true,
  })
  .refine((text) => text !== "0.0.0.0" && text !== "::", {
    error: "must be one address of this host, not all of them",
  });

export const networkSchema = z.string().transform((text, context): Network => {
  const network = parseNetwork(text);
  if (network !== undefined) return network;
  context.addIssue({ code: "custom", message: 'must be an address or a network, such as "192.0.2.0/24"' });
  return z.NEVER;
});

function parseNetwork(text: string): Network | undefined {
  const match = /^([0-9A-Fa-f:.]+)(?:\/(\d{1,3}))?$/.exec(text);
  const [, address = "", prefix] = match ?? [];
  if (isIP(address) === 0) return undefined;
  // an IPv4 network in IPv6's clothes would never be asked for
  if (isIPv6(address) && !isIPv6(plainAddress(address) ?? "")) return undefined;
  const family = familyOf(address);
  const bits = family === "ipv6" ? 128 : 32;
  const length = prefix === undefined ? bits : Number(prefix);
  if (length > bits) return undefined;
  const list = new BlockList();
  list.addSubnet(address, length, family);
  return { text, contains: (other) => isIP(other) !== 0 && list.check(other, familyOf(other)) };
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIPv6(address) ? "ipv6" : "ipv4";
}
