/** Text of somebody else's in a message of ours: on one line, and harmless on any terminal. */

/** Longer texts tell nobody more. */
const quotedCharactersMax = 80;

/** In double quotes. */
export function quoteText(text: string): string {
  const short = text.length > quotedCharactersMax ? `${text.slice(0, quotedCharactersMax)}...` : text;
  return `"${escapeControls(short.replace(/["\\]/g, "\\$&"))}"`;
}

/** Controls, and the invisible characters that turn the writing direction around, as \u{...}. */
export function escapeControls(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
    (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`,
  );
}
