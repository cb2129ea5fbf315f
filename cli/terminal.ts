/**
 * Where everything that the program says goes: results to standard output, progress and messages to standard error,
 * and a live line, or several, that are taken off the screen before anything else is written.
 */

import { styleText } from "node:util";

export type Style = "bold" | "dim" | "red" | "yellow" | "green";

/** The part of a stream that is needed; a StandardStream is such. */
export interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
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
const defaultRows = 24;
/** Back to the first column, and erase to the end of the line (ECMA-48 EL). */
const eraseLine = "\r\x1b[K";
/** Erase to the end of the screen (ECMA-48 ED). */
const eraseBelow = "\x1b[J";

export class Terminal {
  /** Whether the live line can be shown. */
  readonly live: boolean;
  readonly stdoutIsTerminal: boolean;
  readonly stderrIsTerminal: boolean;
  readonly #stdout: Screen;
  readonly #stderr: Screen;
  readonly #isDumb: boolean;
  readonly #colour: boolean;
  #shown: readonly string[] = [];

  constructor(stdout: Screen, stderr: Screen, environment: Environment) {
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.#isDumb = environment.TERM === "dumb";
    this.stdoutIsTerminal = stdout.isTTY === true;
    this.stderrIsTerminal = stderr.isTTY === true;
    this.live = this.stderrIsTerminal && !this.#isDumb;
    this.#colour = !this.#isDumb && (environment.NO_COLOR ?? "") === "";
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

  /** Whether standard output can be drawn on anew. */
  get canRedraw(): boolean {
    return this.stdoutIsTerminal && !this.#isDumb;
  }

  /** Of standard output. */
  get size(): { readonly rows: number; readonly columns: number } {
    return { rows: this.#stdout.rows || defaultRows, columns: this.#stdout.columns || defaultColumns };
  }

  /** How many live lines there is room for. */
  get liveRows(): number {
    return (this.#stderr.rows || defaultRows) - 1;
  }

  /** Shows `line` in place of what was live before, cut so that it never wraps. Nothing where there is no terminal. */
  showLive(line: string): void {
    this.showPicture(line === "" ? [] : [line]);
  }

  /** The same with several lines, as many as there is room for. */
  showPicture(lines: readonly string[]): void {
    if (!this.live) return;
    // the last column stays free: a terminal may wrap as soon as it is written to
    const columns = (this.#stderr.columns || defaultColumns) - 1;
    const cut = lines.slice(0, this.liveRows).map((line) => fitColumns(line, columns));
    if (cut.length === this.#shown.length && cut.every((line, index) => line === this.#shown[index])) return;
    const start = this.#toStart();
    this.#shown = cut;
    this.#stderr.write(start + cut.join("\n"));
  }

  /** Takes what is live off the screen. */
  clear(): void {
    if (this.#shown.length === 0) return;
    const start = this.#toStart();
    this.#shown = [];
    this.#stderr.write(start);
  }

  /** Back to where the first live line begins, with nothing left behind it. Source: ECMA-48, CUU. */
  #toStart(): string {
    const above = this.#shown.length - 1;
    return above < 1 ? eraseLine : `\r\x1b[${above}A${eraseBelow}`;
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
