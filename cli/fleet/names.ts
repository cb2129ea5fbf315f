/** Names of the fleet as they are typed: what can not be one is refused before anybody else sees it. */

import { LuksmithError } from "../../common/errors.ts";
import { quoteText } from "../../common/quote.ts";

/** What host names and ids are made of; none can be an option or reach for a file. */
const machinePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$/;
const idPattern = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;
const runPattern = /^([A-Za-z0-9][A-Za-z0-9._-]{0,252}\/)?[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;
const operatorPattern = /^[a-z0-9][a-z0-9._-]{0,63}$/;
const selectorCharactersMax = 1000;

export function machineName(text: string): string {
  if (machinePattern.test(text)) return text;
  throw new LuksmithError("usage", `${quoteText(text)} is not the name of a machine`, {
    hint: "names have letters, digits, ., _ and -; luksmith fleet machines lists those there are",
  });
}

/** What machines may be called that come with a token: a name with "*" in it. */
export function namePattern(text: string): string {
  if (/^[A-Za-z0-9*][A-Za-z0-9.*_-]{0,252}$/.test(text)) return text;
  throw new LuksmithError("usage", `${quoteText(text)} is no pattern of machines' names`, { hint: 'such as "web-*"' });
}

/** What its parts mean, the controller knows. */
export function selector(text: string): string {
  if (text.length > selectorCharactersMax || /\p{C}/u.test(text) || text.trim() === "") {
    throw new LuksmithError("usage", `${quoteText(text)} does not say which machines`, { hint: selectorHint });
  }
  if (text.trim() === "all" || /[=!,]/.test(text)) return text;
  throw new LuksmithError("usage", `${quoteText(text)} does not say which machines`, {
    hint: machinePattern.test(text) ? `for the machine of that name: name=${text}` : selectorHint,
  });
}

const selectorHint = 'such as env=prod,role!=db or "name=web*"; all means every machine';

/** A run as `fleet runs` shows it, or what `fleet run` has printed. */
export function runReference(text: string): string {
  if (runPattern.test(text)) return text;
  throw new LuksmithError("usage", `${quoteText(text)} is not a run of the fleet`, {
    hint: "MACHINE/RUN, as luksmith fleet runs shows it; MACHINE/last is the newest",
  });
}

export function batchId(text: string): string {
  if (idPattern.test(text)) return text;
  throw new LuksmithError("usage", `${quoteText(text)} is not the id of what was asked for`, {
    hint: "luksmith fleet dispatches lists them",
  });
}

export function tokenId(text: string): string {
  if (idPattern.test(text)) return text;
  throw new LuksmithError("usage", `${quoteText(text)} is not the id of a token`, {
    hint: "luksmith fleet token list shows them",
  });
}

export function operatorName(text: string): string {
  if (operatorPattern.test(text)) return text;
  throw new LuksmithError("usage", `${quoteText(text)} is not the name of an operator`, {
    hint: "names have a-z, 0-9, ., - and _, and 64 characters at most; luksmith fleet operators lists those there are",
  });
}

export function controllerId(text: string): string {
  if (operatorPattern.test(text)) return text;
  throw new LuksmithError("usage", `${quoteText(text)} is not the id of a controller`, {
    hint: "luksmith fleet controllers lists them",
  });
}

export function scheduleName(text: string): string {
  if (/^[a-z0-9][a-z0-9._-]{0,62}$/.test(text)) return text;
  throw new LuksmithError("usage", `${quoteText(text)} is not the name of a schedule`, {
    hint: "luksmith fleet schedules lists them",
  });
}

/** One of the controller's configuration. */
export function channelName(text: string): string {
  if (operatorPattern.test(text)) return text;
  throw new LuksmithError("usage", `${quoteText(text)} is not the name of a channel`, {
    hint: "they are the keys below `alerts` in /etc/luksmith/controller.yaml on the controller",
  });
}

export interface LabelText {
  readonly name: string;
  readonly value: string;
}

export type LabelChange = { readonly set: LabelText } | { readonly remove: string };

/** "env=prod" sets, "env-" removes. */
export function labelChange(text: string): LabelChange {
  const removed = /^([A-Za-z0-9][^=\p{C}\s]{0,62})-$/u.exec(text)?.[1];
  return removed === undefined ? { set: label(text) } : { remove: removed };
}

/** "env=prod,role=web", one after the other. */
export function labelList(text: string): LabelText[] {
  return text.split(",").map((each) => label(each.trim()));
}

function label(text: string): LabelText {
  const [, name, value] = /^([A-Za-z0-9][^=\p{C}\s]{0,62})=([A-Za-z0-9][^=,\p{C}\s]{0,62})$/u.exec(text) ?? [];
  if (name !== undefined && value !== undefined) return { name, value };
  throw new LuksmithError("usage", `${quoteText(text)} is not a label`, {
    hint: "env=prod sets one, and behind `fleet label` env- removes it",
  });
}
