/**
 * The firewall of direct exports, in nft's language. One table of our own: the ports that nbd-servers may listen on are closed to
 * everybody but to who is in a set, where an element is an address with a port and lasts for seconds unless it is renewed. A port
 * that a server has now is in a set of its own, and closed to others even when it is no longer among those ports.
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
/** A client's place must not outlast the port's, behind which the next session with that port waits. */
const takenLongerSeconds = 2;

export interface PortRange {
  readonly first: number;
  readonly last: number;
}

export interface Admission {
  /** Of the client. */
  readonly address: string;
  readonly port: number;
}

/**
 * The table from nothing, in the place of whatever is there: in one transaction, of which nobody sees the middle.
 * @param taken ports that servers have now: they stay shut for `seconds`, and nobody is let in any more
 */
export function renderTable({ first, last }: PortRange, taken: readonly number[], seconds: number): string {
  const shut = taken.map(
    (port) => `add element ${table} taken { ${checkedPort(port)} timeout ${checked(seconds)}s }\n`,
  );
  return `add table ${table}
delete table ${table}
add table ${table}
add set ${table} ports { type inet_service; flags interval; }
add set ${table} clients4 { type ipv4_addr . inet_service; flags timeout; }
add set ${table} clients6 { type ipv6_addr . inet_service; flags timeout; }
add set ${table} taken { type inet_service; flags timeout; }
add chain ${table} input { type filter hook input priority ${chainPriority}; policy accept; }
add element ${table} ports { ${first}-${last} }
${shut.join("")}add rule ${table} input tcp dport @ports ip saddr . tcp dport @clients4 accept
add rule ${table} input tcp dport @ports ip6 saddr . tcp dport @clients6 accept
add rule ${table} input tcp dport @ports drop
add rule ${table} input tcp dport @taken drop
`;
}

/**
 * Takes the port, which fails while what an earlier session has let in may still be there, and lets the client in: both or neither.
 * Source: nft(8), "create: similar to add but returns an error if the element already exists"
 */
export function renderAdmission(admission: Admission, seconds: number): string {
  const { taken, client } = elements(admission);
  const takenSeconds = checked(seconds) + takenLongerSeconds;
  return `create element ${taken} timeout ${takenSeconds}s }\nadd element ${client} timeout ${seconds}s }\n`;
}

/**
 * For longer. An element that is there does not get a new timeout by being added again, so it is taken out and put back, in one
 * transaction that nobody sees the middle of; one that is not there any more fails it.
 */
export function renderRenewal(admission: Admission, seconds: number): string {
  const { taken, client } = elements(admission);
  const again = (element: string, forSeconds: number) =>
    `delete element ${element} }\nadd element ${element} timeout ${checked(forSeconds)}s }\n`;
  return `${again(taken, seconds + takenLongerSeconds)}${again(client, seconds)}`;
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
  if (!isAddress(address)) throw unfit(address);
  const set = isIPv6(address) ? "clients6" : "clients4";
  return {
    taken: `${table} taken { ${checkedPort(port)}`,
    client: `${table} ${set} { ${address} . ${checkedPort(port)}`,
  };
}

function checkedPort(port: number): number {
  if (!isPort(port)) throw unfit(port);
  return port;
}

function checked(seconds: number): number {
  if (!Number.isSafeInteger(seconds) || seconds < 1) throw unfit(seconds);
  return seconds;
}

function unfit(value: unknown): LuksmithError {
  return new LuksmithError("internal", "a value cannot stand in a firewall rule", { cause: value });
}
