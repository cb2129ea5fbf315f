/**
 * Paths as records whose bytes sort in the order of the tree: what is in a directory behind it, before what follows it. A slash,
 * which sorts behind a blank, a dot and a dash, becomes the lowest byte that a name cannot have. Pure.
 */

/** Ends a path in a record; in a path there are never two slashes together. For find's -printf, before it is made sortable. */
export const pathEnd = "//";
const sortableEnd = "\x01\x01";

/** Of what find prints, in pieces of any size. Undone by {@link fromSortable}. */
export function toSortable(piece: Buffer): Buffer {
  const text = piece.toString("latin1");
  const escaped = text.replaceAll("\x02", "\x02\x04").replaceAll("\x01", "\x02\x03").replaceAll("/", "\x01");
  return Buffer.from(escaped, "latin1");
}

export function fromSortable(text: string): string {
  return text.replaceAll("\x01", "/").replaceAll("\x02\x03", "\x01").replaceAll("\x02\x04", "\x02");
}

/** @returns the path as it sorts, and what stands behind its end */
export function splitSortable(record: string): { key: string; rest: string } {
  const at = record.indexOf(sortableEnd);
  return { key: record.slice(0, at), rest: record.slice(at + sortableEnd.length) };
}

/** Relative to where find began, which was "." or below it. */
export function pathOfKey(key: string): Buffer {
  const path = fromSortable(key);
  return Buffer.from(path === "." ? "" : path.replace(/^\.\//, ""), "latin1");
}

/** Where find begins, as its -files0-from wants it. @param path relative; empty for all */
export function findStart(path: Uint8Array): Buffer {
  return path.length === 0 ? Buffer.from(".\0") : Buffer.concat([Buffer.from("./"), path, Buffer.from("\0")]);
}
