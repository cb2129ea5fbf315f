/**
 * Where everything that the program says goes: results to standard output, progress and messages to standard error,
 * and one live line that is taken off the screen before anything else is written.
 */

import { styleText } from "node:util";

export type Style = "bold" | "dim" | "red" | "yellow" | "green";

/** The part of a stream that is needed; a StandardStream is such. */
export interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number | undefined;
  write(data: string | Uint8Array): boolean;
  open?(): void;
  drained?(): Promise<void>;
}

export interface Environment {
  /** Any value but the empty one turns colours off (https://no-color.org). */
  readonly NO_COLOR?: string | undefined;
  /** "dumb" can not redraw a line. */
  readonly TERM?: string | undefined;
}

const defaultColumns = 80;
/** Back to the first column, and erase to the end of the line (ECMA-48 EL). */
const eraseLine = "\r\x1b[K";

export class Terminal {
  /** Whether the live line can be shown. */
  readonly live: boolean;
  readonly stdoutIsTerminal: boolean;
  readonly stderrIsTerminal: boolean;
  readonly #stdout: Screen;
  readonly #stderr: Screen;
  readonly #colour: boolean;
  #shown = "";

  constructor(stdout: Screen, stderr: Screen, environment: Environment) {
    this.#stdout = stdout;
    this.#stderr = stderr;
    const dumb = environment.TERM === "dumb";
    this.stdoutIsTerminal = stdout.isTTY === true;
    this.stderrIsTerminal = stderr.isTTY === true;
    this.live = this.stderrIsTerminal && !dumb;
    this.#colour = !dumb && (environment.NO_COLOR ?? "") === "";
  }

  /** Before something goes on beside the writing. */
  open(): void {
    this.#stdout.open?.();
    this.#stderr.open?.();
  }

  /** A result, as it is. */
  out(data: string | Uint8Array): void {
    this.clear();
    this.#stdout.write(data);
  }

  /** Resolves when whoever reads the results can take more. */
  async outDrained(): Promise<void> {
    await this.#stdout.drained?.();
  }

  outLine(line: string): void {
    this.out(`${line}\n`);
  }

  /** A message for the person. */
  errLine(line: string): void {
    this.clear();
    this.#stderr.write(`${line}\n`);
  }

  /** A question, behind which the answer is typed. */
  prompt(text: string): void {
    this.clear();
    this.#stderr.write(text);
  }

  /** Shows `line` in place of the live line before, cut so that it never wraps. Nothing where there is no terminal. */
  showLive(line: string): void {
    if (!this.live) return;
    // the last column stays free: a terminal may wrap as soon as it is written to
    const cut = fitColumns(line, (this.#stderr.columns || defaultColumns) - 1);
    if (cut === this.#shown) return;
    this.#shown = cut;
    this.#stderr.write(eraseLine + cut);
  }

  /** Takes the live line off the screen. */
  clear(): void {
    if (this.#shown === "") return;
    this.#shown = "";
    this.#stderr.write(eraseLine);
  }

  /** For text on standard output. */
  paintOut(style: Style, text: string): string {
    return this.#paint(this.#stdout, style, text);
  }

  /** For text on standard error. */
  paintErr(style: Style, text: string): string {
    return this.#paint(this.#stderr, style, text);
  }

  #paint(stream: Screen, style: Style, text: string): string {
    return this.#colour && stream.isTTY === true ? styleText(style, text, { validateStream: false }) : text;
  }
}

/**
 * The beginning of `text` that surely takes no more than `columns`; what is not ASCII counts double. Parts with two
 * blanks between them are kept whole: half a figure would be a wrong one.
 */
export function fitColumns(text: string, columns: number): string {
  let used = 0;
  let end = 0;
  for (const char of text) {
    used += char > "~" ? 2 : 1;
    if (used > columns) {
      const part = text.lastIndexOf("  ", end);
      return text.slice(0, part > 0 ? part : end).trimEnd();
    }
    end += char.length;
  }
  return text;
}
