/** Text of machines, which is stored, and shown on operators' terminals. Pure. */

/** An event's text has 8 KiB at most where it is made. */
const longest = 8192;
/** All but the tab and the end of a line; NUL is refused by PostgreSQL, the others move a terminal's cursor and more. */
const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

export function cleanText(text: string): string {
  // half of a character is refused by PostgreSQL as well
  return text.slice(0, longest).toWellFormed().replace(controls, "\ufffd");
}

/** The same for all text in a message. Moments that are none are left out, as if they had not been said. */
export function cleanMessage<T>(message: T): T {
  return cleaned(message) as T;
}

function cleaned(value: unknown): unknown {
  if (typeof value === "string") return cleanText(value);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? undefined : value;
  if (Array.isArray(value)) return value.map(cleaned);
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, cleaned(inner)]));
}
