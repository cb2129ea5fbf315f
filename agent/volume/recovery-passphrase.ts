/** The second way into a volume: a passphrase that a person can write down and type at cryptsetup's own prompt. */

import { randomInt } from "node:crypto";

/** Crockford's base 32 in lower case: no i, l, o, u, which look like others or spell words. */
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";
const groups = 6;
const groupLength = 5;

/** 150 bits: "x7k2m-..." in six groups of five. */
export function makeRecoveryPassphrase(): string {
  const group = () => Array.from({ length: groupLength }, () => alphabet[randomInt(alphabet.length)]).join("");
  return Array.from({ length: groups }, group).join("-");
}
