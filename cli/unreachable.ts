/** Why the agent's socket did not answer, and what to do about it. */

import { connect } from "node:net";
import { hasErrno, LuksmithError } from "../common/errors.ts";

/** Long enough for a busy machine: connecting to a Unix socket waits for nobody. */
const probeMs = 2000;

/**
 * gRPC only says "unavailable"; connecting once by hand gives the kernel's own answer.
 * @param cause what gRPC said, for the log
 */
export async function explainUnreachable(socket: string, cause: unknown): Promise<LuksmithError> {
  return unreachable(socket, await probe(socket), cause);
}

/** @param errno of connect(2), or undefined when the connection was accepted */
export function unreachable(socket: string, errno: string | undefined, cause?: unknown): LuksmithError {
  switch (errno) {
    case "EACCES":
    case "EPERM":
      return new LuksmithError("denied", `only root and members of the group luksmith may use ${socket}`, {
        hint: 'sudo usermod -aG luksmith "$USER", then log in again; or use sudo',
        cause,
      });
    case "ENOENT":
    case "ECONNREFUSED":
    case "ENOTDIR":
      return new LuksmithError("unreachable", `the agent is not running: nothing listens on ${socket}`, {
        hint: "systemctl start luksmith-agent (or name its socket with --socket)",
        cause,
      });
    case "EPROTOTYPE":
      return new LuksmithError("unreachable", `${socket} is not the agent's socket`, {
        hint: "it is `socket` in the agent's configuration, /run/luksmith/agent.sock by default",
        cause,
      });
    case undefined:
      return new LuksmithError("unreachable", `what listens on ${socket} closed the connection`, {
        hint: "systemctl status luksmith-agent; of one user it takes 32 connections at a time",
        cause,
      });
    default:
      return new LuksmithError("unreachable", `could not connect to ${socket}: ${errno}`, {
        hint: "systemctl status luksmith-agent",
        cause,
      });
  }
}

/** The error code of connect(2), or undefined when somebody accepts. */
function probe(socket: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const connection = connect({ path: socket, timeout: probeMs });
    const settle = (errno: string | undefined) => {
      connection.destroy();
      resolve(errno);
    };
    connection.once("connect", () => settle(undefined));
    connection.once("timeout", () => settle("ETIMEDOUT"));
    connection.once("error", (error) => settle(hasErrno(error) || "code" in error ? String(error.code) : "unknown"));
  });
}
