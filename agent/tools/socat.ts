/** socat(1): carries bytes between a descriptor of ours and a TCP connection, in a process that can be killed. */

import { isIPv6 } from "node:net";
import type { Child, Start } from "../../common/exec.ts";

/** As much as the kernel asks of a network block device at once, and a bit. */
const pieceBytes = 256 * 1024;
const connectTimeoutS = 20;

export interface TcpRelaySpec {
  /** An IP address. */
  readonly address: string;
  readonly port: number;
  /** A descriptor that is its standard input and output. */
  readonly connection: number;
}

/** Ends when either side does. */
export function startTcpRelay(start: Start, { address, port, connection }: TcpRelaySpec): Child {
  const [kind, host] = isIPv6(address) ? ["TCP6", `[${address}]`] : ["TCP4", address];
  const args = [
    "-b",
    `${pieceBytes}`,
    "-t",
    "0",
    "STDIO",
    `${kind}:${host}:${port},nodelay,connect-timeout=${connectTimeoutS}`,
  ];
  return start({ file: "socat", args, connection, endsUntidily: true });
}
