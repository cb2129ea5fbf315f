/** Commands that are shown for somebody to type. */

import { showName } from "./file-name.ts";

/** One word for a shell, whatever is in it. Source: bash(1) and dash(1), QUOTING */
export function shellWord(text: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** The same of a path, with nothing in it that moves a terminal. */
export function pathWord(path: string): string {
  const shown = showName(Buffer.from(path));
  // what it has escaped it has quoted as well
  return shown === path ? shellWord(path) : shown;
}
