/** Names of machines in the fleet, and which one a machine may have at once. Pure. */

import { LuksmithError } from "../../common/errors.ts";
import { quoteText } from "../../common/quote.ts";

/** As long as a label of DNS, and what a host name is made of: selectors match them. */
const namePattern = /^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$/;
const patternPattern = /^[a-z0-9*][a-z0-9._*-]{0,62}$/;

/** @throws {LuksmithError} "usage" */
export function requireMachineName(name: string): string {
  if (namePattern.test(name)) return name;
  throw new LuksmithError("usage", `${quoteText(name)} cannot be the name of a machine`, {
    hint: "1 to 63 of a-z, 0-9, ., _ and -, with a letter or a digit at both ends",
  });
}

/** @throws {LuksmithError} "usage" */
export function requireNamePattern(pattern: string): string {
  if (patternPattern.test(pattern)) return pattern;
  throw new LuksmithError("usage", `${quoteText(pattern)} is no pattern of machines' names`, {
    hint: "such as web-*: a-z, 0-9, ., _ and -, and * for any text",
  });
}

/**
 * The name that a machine has by its token.
 * @param hostname as the machine says, who may lie: it counts where the token says so, and for a name that nobody has
 * @returns undefined: an operator has to confirm one
 */
export function nameByToken(token: { name: string; namePattern: string }, hostname: string): string | undefined {
  if (token.name !== "") return token.name;
  const name = hostname.toLowerCase();
  return token.namePattern !== "" && namePattern.test(name) && fits(token.namePattern, name) ? name : undefined;
}

/** Without a regular expression: one made of somebody's text can take for ever. */
function fits(pattern: string, name: string): boolean {
  const [first = "", ...rest] = pattern.split("*");
  if (rest.length === 0) return name === pattern;
  const last = rest.pop() ?? "";
  if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length) return false;
  let at = first.length;
  for (const piece of rest) {
    const found = name.indexOf(piece, at);
    if (found < 0 || found + piece.length > name.length - last.length) return false;
    at = found + piece.length;
  }
  return true;
}
