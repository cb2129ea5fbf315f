/** JSON on one line that a terminal takes for nothing but text. */

/** What a terminal might take for a command, or what turns the writing direction around, is escaped the JSON way, losing nothing. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\x7f-\x9f\p{Cf}\p{Zl}\p{Zp}]/gu,
    // characters beyond the 16 bits of \u are two units
    (char) => [...Array(char.length).keys()].map((index) => `\\u${hex4(char.charCodeAt(index))}`).join(""),
  );
}

function hex4(unit: number): string {
  return unit.toString(16).padStart(4, "0");
}
