/** A terminal's whole screen for a while, and the keys that are typed meanwhile. What was on it before comes back. */

import { writeSync } from "node:fs";
import type { Terminal } from "../terminal.ts";

/** xterm's alternate screen and DECTCEM, which every terminal of today knows; Linux' own console ignores the former. */
const enter = "\x1b[?1049h\x1b[?25l";
const leave = "\x1b[?25h\x1b[?1049l";
const home = "\x1b[H";
const eraseToLineEnd = "\x1b[K";
const eraseBelow = "\x1b[J";

export class FullScreen implements Disposable {
  readonly #terminal: Terminal;
  readonly #onKey: (key: string) => void;
  readonly #onResize: () => void;

  /** @param onKey also gets Ctrl-C, as "\x03": the terminal hands on every key as it is */
  constructor(terminal: Terminal, onKey: (key: string) => void, onResize: () => void) {
    this.#terminal = terminal;
    this.#onKey = onKey;
    this.#onResize = onResize;
    // also when the program ends in the middle, as by a second Ctrl-C
    process.once("exit", this.#restore);
    process.stdout.on("resize", this.#onResize);
    terminal.out(enter);
    if (process.stdin.isTTY) {
      process.stdin.setRawMode(true).setEncoding("utf8").on("data", this.#onKey).resume();
    }
  }

  /** @param lines no longer than the screen is wide */
  draw(lines: readonly string[]): void {
    this.#terminal.out(home + lines.map((line) => line + eraseToLineEnd).join("\n") + eraseBelow);
  }

  [Symbol.dispose](): void {
    process.off("exit", this.#restore);
    process.stdout.off("resize", this.#onResize);
    if (process.stdin.isTTY) process.stdin.off("data", this.#onKey).pause().setRawMode(false);
    this.#terminal.out(leave);
  }

  /** With nothing that would still have to be waited for; Node itself gives the terminal back its mode. */
  readonly #restore = () => {
    try {
      writeSync(1, leave);
    } catch {
      // it is gone
    }
  };
}
