/**
 * Which machines are meant: "env=prod,role!=db,name=web*", or "all". Parts are joined by commas, and all of them must fit; "*" stands
 * for any text, so that "env=*" fits each machine that has the label. A machine without the label fits "role!=db". Pure.
 */

import { LuksmithError } from "../../common/errors.ts";
import { quoteText } from "../../common/quote.ts";
import { labelNamePattern } from "./label.ts";

export interface Selectable {
  /** Empty: nobody has confirmed one. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

interface Part {
  readonly label: string;
  readonly isNot: boolean;
  readonly pattern: string;
}

/** What is wrong, where, and what would be right. */
export interface SelectorFault {
  readonly message: string;
  readonly hint: string;
}

const longestText = 1000;
const mostParts = 32;
const patternPattern = /^[A-Za-z0-9._*-]{1,63}$/;
const example = 'such as "env=prod,role!=db" or "name=web*"; "all" is every machine';

export class Selector {
  readonly #parts: readonly Part[];

  private constructor(parts: readonly Part[]) {
    this.#parts = parts;
  }

  static readonly all = new Selector([]);

  /** @throws {LuksmithError} "usage" */
  static parse(text: string): Selector {
    const parsed = Selector.read(text);
    if (parsed instanceof Selector) return parsed;
    throw new LuksmithError("usage", `selector ${quoteText(text)}: ${parsed.message}`, { hint: parsed.hint });
  }

  static read(text: string): Selector | SelectorFault {
    if (text.length > longestText) return { message: `is longer than ${longestText} characters`, hint: example };
    if (text.trim() === "") return { message: "is empty", hint: example };
    if (text.trim() === "all") return Selector.all;
    const pieces = text.split(",");
    if (pieces.length > mostParts) return { message: `has more than ${mostParts} parts`, hint: example };
    const parts: Part[] = [];
    let column = 1;
    for (const piece of pieces) {
      const part = readPart(piece.trim());
      if ("message" in part) {
        const at = column + (piece.length - piece.trimStart().length);
        return { message: `at character ${at}: ${part.message}`, hint: part.hint };
      }
      parts.push(part);
      column += piece.length + 1;
    }
    return new Selector(parts);
  }

  /** As it says the same without spaces. */
  get text(): string {
    if (this.#parts.length === 0) return "all";
    return this.#parts.map(({ label, isNot, pattern }) => `${label}${isNot ? "!=" : "="}${pattern}`).join(",");
  }

  /** Whether it names machines one by one, by whole names. */
  get isOneName(): boolean {
    return this.#parts.some(({ label, isNot, pattern }) => label === "name" && !isNot && !pattern.includes("*"));
  }

  get isAll(): boolean {
    return this.#parts.length === 0;
  }

  matches(machine: Selectable): boolean {
    return this.#parts.every(({ label, isNot, pattern }) => {
      const value = label === "name" ? machine.name : ownValue(machine.labels, label);
      const fits = value !== undefined && value !== "" && fitsPattern(value, pattern);
      return fits !== isNot;
    });
  }
}

/**
 * Whether somebody who typed this names every machine, and should be asked. Who names one of them by its name means it, also where
 * there is no other.
 */
export function namesEveryMachine(selector: Selector, selected: number, machines: number): boolean {
  if (selector.isAll) return true;
  return machines > 1 && selected === machines && !selector.isOneName;
}

function readPart(text: string): Part | SelectorFault {
  if (text === "") return { message: "a part is missing", hint: `leave out the comma; ${example}` };
  if (text === "all") return { message: '"all" stands alone', hint: 'leave out the rest, or "all"' };
  const [, label = "", operator, pattern = ""] = /^([^=!]*)(!=|=)(.*)$/s.exec(text) ?? [];
  if (operator === undefined) return withoutValue(text);
  const trimmed = { label: label.trim(), pattern: pattern.trim() };
  if (!labelNamePattern.test(trimmed.label)) {
    return { message: `${quoteText(trimmed.label)} cannot be the name of a label`, hint: example };
  }
  if (trimmed.pattern.startsWith("=")) {
    return { message: `write one "="`, hint: `${trimmed.label}=${trimmed.pattern.replace(/^=+\s*/, "")}` };
  }
  if (trimmed.pattern === "") {
    return { message: `what ${trimmed.label} is to be is missing`, hint: `${trimmed.label}${operator}* for any value` };
  }
  if (!patternPattern.test(trimmed.pattern)) {
    return {
      message: `${quoteText(trimmed.pattern)} cannot be the value of a label`,
      hint: `letters, digits, ., _ and -, and * for any text; ${example}`,
    };
  }
  return { label: trimmed.label, isNot: operator === "!=", pattern: trimmed.pattern };
}

function withoutValue(text: string): SelectorFault {
  const message = `${quoteText(text)} says no value`;
  if (!labelNamePattern.test(text)) return { message, hint: example };
  return { message, hint: `name=${text} for the machine of that name; ${text}=* for all that have the label` };
}

/** What every object has by itself is no label. */
function ownValue(labels: Readonly<Record<string, string>>, name: string): string | undefined {
  return Object.hasOwn(labels, name) ? labels[name] : undefined;
}

/** Without a regular expression: one with many "*" in it could take for ever. */
function fitsPattern(value: string, pattern: string): boolean {
  const [first = "", ...rest] = pattern.split("*");
  const last = rest.pop();
  if (last === undefined) return value === first;
  if (!value.startsWith(first) || value.length < first.length + last.length || !value.endsWith(last)) return false;
  let from = first.length;
  const until = value.length - last.length;
  for (const middle of rest) {
    const at = value.indexOf(middle, from);
    if (at < 0 || at + middle.length > until) return false;
    from = at + middle.length;
  }
  return true;
}
