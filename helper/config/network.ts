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

export function isPort(port: number): boolean {
  return Number.isSafeInteger(port) && port >= 1 && port <= 65_535;
}

export const addressSchema = z.string().refine(isAddress, { error: "must be an IP address (IPv6 without a zone)" });

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
