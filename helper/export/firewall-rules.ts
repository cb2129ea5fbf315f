/**
 * The firewall of direct exports, in nft's language. One table of our own: the ports that nbd-servers may listen on are closed to
 * everybody but to who is in a set, where an element is an address with a port and lasts for seconds unless it is renewed.
 * Pure. Source: nft(8), "SETS", "flags timeout".
 *
 * Its chain comes before the host's own filter, and what it lets through still has to get through that one.
 */

import { isIPv6 } from "node:net";
import { LuksmithError } from "../../common/errors.ts";
import { isAddress, isPort } from "../config/network.ts";

export const tableName = "luksmith_helper";
/** Before "filter", which is 0: what comes later can only refuse more. */
export const chainPriority = -5;
const table = `inet ${tableName}`;

export interface PortRange {
  readonly first: number;
  readonly last: number;
}

export interface Admission {
  /** Of the client. */
  readonly address: string;
  readonly port: number;
}

/** Makes the table what it should be, but for chains and sets of others in it, and lets nobody in who was not in. */
export function renderTable({ first, last }: PortRange): string {
  return `add table ${table}
add set ${table} ports { type inet_service; flags interval; }
add set ${table} clients4 { type ipv4_addr . inet_service; flags timeout; }
add set ${table} clients6 { type ipv6_addr . inet_service; flags timeout; }
add set ${table} taken { type inet_service; flags timeout; }
add chain ${table} input { type filter hook input priority ${chainPriority}; policy accept; }
flush chain ${table} input
flush set ${table} ports
add element ${table} ports { ${first}-${last} }
add rule ${table} input tcp dport @ports ip saddr . tcp dport @clients4 accept
add rule ${table} input tcp dport @ports ip6 saddr . tcp dport @clients6 accept
add rule ${table} input tcp dport @ports drop
`;
}

/**
 * Takes the port, which fails when another session has it, and lets the client in: both or neither.
 * Source: nft(8), "create: similar to add but returns an error if the element already exists"
 */
export function renderAdmission(admission: Admission, seconds: number): string {
  const { taken, client } = elements(admission);
  return `create element ${taken} timeout ${checked(seconds)}s }\nadd element ${client} timeout ${seconds}s }\n`;
}

/**
 * For longer. An element that is there does not get a new timeout by being added again, so it is taken out and put back, in one
 * transaction that nobody sees the middle of; one that is not there any more fails it.
 */
export function renderRenewal(admission: Admission, seconds: number): string {
  const { taken, client } = elements(admission);
  return [taken, client]
    .map((element) => `delete element ${element} }\nadd element ${element} timeout ${checked(seconds)}s }\n`)
    .join("");
}

/** Whether it is still there or not. */
export function renderDismissal(admission: Admission): string {
  const { taken, client } = elements(admission);
  return [client, taken]
    .map((element) => `add element ${element} timeout 1s }\ndelete element ${element} }\n`)
    .join("");
}

/** Both without their end, in front of which a timeout may stand. */
function elements({ address, port }: Admission): { taken: string; client: string } {
  if (!isPort(port)) throw unfit(port);
  if (!isAddress(address)) throw unfit(address);
  const set = isIPv6(address) ? "clients6" : "clients4";
  return { taken: `${table} taken { ${port}`, client: `${table} ${set} { ${address} . ${port}` };
}

function checked(seconds: number): number {
  if (!Number.isSafeInteger(seconds) || seconds < 1) throw unfit(seconds);
  return seconds;
}

function unfit(value: unknown): LuksmithError {
  return new LuksmithError("internal", "a value cannot stand in a firewall rule", { cause: value });
}
