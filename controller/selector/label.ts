/** Labels of machines: what selectors go by. */

import { quoteText } from "../../common/quote.ts";

/** Names and values; none twice. */
export type Labels = Readonly<Record<string, string>>;

export const labelNamePattern = /^[a-z0-9]([a-z0-9._/-]{0,61}[a-z0-9])?$/;
const labelValuePattern = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;

/** Selectors have a meaning of their own for these. */
const reserved: readonly string[] = ["name", "all"];

/** More describe a machine to nobody. */
export const mostLabels = 32;

/** What is wrong with a label that somebody wants to set, if anything. */
export function labelFault(name: string, value: string): string | undefined {
  const shown = `label ${quoteText(`${name}=${value}`)}`;
  if (reserved.includes(name)) return `${shown}: "${name}" cannot be a label: selectors have it already`;
  if (!labelNamePattern.test(name)) {
    return `${shown}: a name is 1 to 63 of a-z, 0-9, ., _, / and -, with a letter or a digit at both ends`;
  }
  if (!labelValuePattern.test(value)) {
    return `${shown}: a value is 1 to 63 letters, digits, ., _ and -, with a letter or a digit at both ends`;
  }
  return undefined;
}
