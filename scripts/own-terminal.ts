/** Lends this process's terminal to a command in the guest. */

import type { GuestTerminal } from "../test/lab/harness/machine.ts";

/** Ctrl-], as in telnet: everything else, Ctrl-C included, belongs to the guest. */
const escapeByte = 0x1d;

export interface OwnTerminal extends Disposable {
  /** Undefined when our input and output are no terminal. */
  readonly guest: GuestTerminal | undefined;
}

/** @param onEscape called when somebody types Ctrl-] */
export function ownTerminal(onEscape: () => void): OwnTerminal {
  const { stdin, stdout } = process;
  if (!stdin.isTTY || !stdout.isTTY) return { guest: undefined, [Symbol.dispose]: () => undefined };
  const onInput = (send: (bytes: Buffer) => void) => {
    stdin.setRawMode(true);
    stdin.on("data", (bytes: Buffer) => (bytes.includes(escapeByte) ? onEscape() : send(bytes)));
  };
  return {
    guest: { rows: stdout.rows, columns: stdout.columns, onInput },
    [Symbol.dispose]: () => {
      stdin.setRawMode(false);
      stdin.pause();
    },
  };
}
