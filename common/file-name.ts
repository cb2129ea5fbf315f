/**
 * File names are bytes. They need not be UTF-8 and may hold newlines or terminal escapes, so they are shown quoted
 * the way bash reads back ($'...', bash(1) QUOTING) whenever they are more than plain text.
 */

/** A byte order mark is part of the name: taken off, the name would be another file's. */
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The name as text, or undefined when it is not UTF-8. */
export function utf8Name(name: Uint8Array): string | undefined {
  try {
    return decoder.decode(name);
  } catch {
    return undefined;
  }
}

/** Safe to print on any terminal, and unambiguous. */
export function showName(name: Uint8Array): string {
  const text = utf8Name(name);
  // Cc and Cf: controls, and the invisible ones that turn the writing direction around
  if (text !== undefined && text !== "" && !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}'\\]/u.test(text)) return text;
  let shown = "";
  const visible = text ?? Buffer.from(name).toString("latin1");
  for (const char of visible) {
    if (char === "\n") shown += "\\n";
    else if (char === "\t") shown += "\\t";
    else if (char === "\\" || char === "'") shown += `\\${char}`;
    else if (text === undefined ? !/[\x20-\x7e]/.test(char) : /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(char)) {
      for (const byte of Buffer.from(char, text === undefined ? "latin1" : "utf8")) {
        shown += `\\x${byte.toString(16).padStart(2, "0")}`;
      }
    } else shown += char;
  }
  return `$'${shown}'`;
}
