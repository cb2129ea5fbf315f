/** Connections whose program is gone, and whose last bytes the kernel still tries to bring across. */

import { readIfThere } from "../../common/if-there.ts";

/** Source: include/net/tcp_states.h: FIN_WAIT1, LAST_ACK, CLOSING: what was sent last has not been acknowledged. */
const sendingStates: readonly string[] = ["04", "09", "0B"];

/** @param port of the other side @returns whoever they belonged to, each by its two ends */
export async function orphanedSends(port: number): Promise<string[]> {
  // a kernel without IPv6 has but one
  const tables = await Promise.all(["/proc/net/tcp", "/proc/net/tcp6"].map((path) => readIfThere(path)));
  return tables.flatMap((table) => parseOrphanedSends(table ?? "", port));
}

/**
 * Pure. Source: Documentation/networking/proc_net_tcp.rst: sl, local address, remote address, state, queues, timer,
 * retransmissions, uid, timeout, inode, which is 0 when no program has the socket
 */
export function parseOrphanedSends(table: string, port: number): string[] {
  return table.split("\n").flatMap((line) => {
    const [, local, remote, state, , , , , , inode] = line.trim().split(/\s+/);
    const remotePort = Number.parseInt(remote?.split(":")[1] ?? "", 16);
    const isOne = remotePort === port && inode === "0" && sendingStates.includes(state ?? "");
    return isOne ? [`${local} ${remote}`] : [];
  });
}
