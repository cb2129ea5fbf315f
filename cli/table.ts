/** Rows in columns, without borders. Every cell is made safe for a terminal here. */

import Table from "cli-table3";
import { escapeControls } from "../common/quote.ts";
import type { Style } from "./terminal.ts";

export type Cell = string | { readonly text: string; readonly style?: Style; readonly align?: "right" };

export type Paint = (style: Style, text: string) => string;

const noBorders = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  left: "",
  "left-mid": "",
  mid: "",
  "mid-mid": "",
  right: "",
  "right-mid": "",
  middle: "",
};

/** @returns lines with a line break after each */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[], paint: Paint): string {
  const made = new Table({
    chars: noBorders,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 2, compact: true },
  });
  made.push(head.map((title) => paint("dim", title)));
  for (const row of rows) {
    made.push(
      row.map((cell) => {
        if (typeof cell === "string") return escapeControls(cell);
        const text = escapeControls(cell.text);
        return {
          content: cell.style === undefined ? text : paint(cell.style, text),
          ...(cell.align === undefined ? {} : { hAlign: cell.align }),
        };
      }),
    );
  }
  return made
    .toString()
    .split("\n")
    .map((line) => `${line.trimEnd()}\n`)
    .join("");
}
