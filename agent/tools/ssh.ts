/** ssh(1): a command of the backup host's on a connection of ours. */

import type { Child, Start } from "../../common/exec.ts";

export interface SshSpec {
  readonly sshConfigFile: string;
  /** An alias that the config file explains. */
  readonly alias: string;
  /** Of the words that the host's gate knows: the shell there, if there is one, would interpret others. */
  readonly words: readonly string[];
  /** The connection is shared by way of this socket: the first one makes it, those that come later join. */
  readonly socket: string;
  readonly joins: boolean;
  /** A descriptor that is its standard input and output. */
  readonly connection: number;
}

/** Ends when either side does. Its standard error says why. Exit code 255 is ssh's own (ssh(1), "EXIT STATUS"). */
export function startSsh(start: Start, spec: SshSpec): Child {
  const master = spec.joins ? "no" : "yes";
  const args = [
    `-F${spec.sshConfigFile}`,
    ...["-o", `ControlMaster=${master}`, "-o", `ControlPath=${spec.socket.replaceAll("%", "%%")}`],
    ...["-T", "--", spec.alias, ...spec.words],
  ];
  return start({ file: "ssh", args, connection: spec.connection, endsUntidily: true, endsItsGroup: true });
}

/** What ssh exits with when it failed itself, and not what it was to start. */
export const sshOwnFailure = 255;
