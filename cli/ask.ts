/** A question to the person at the terminal. */

import { createInterface } from "node:readline";
import type { Readable } from "node:stream";

/**
 * Asks until an answer is acceptable.
 * @param accept undefined asks again
 * @returns undefined when the input ends, or the signal came
 */
export async function ask<Answer>(
  input: Readable,
  prompt: (again: boolean) => void,
  accept: (line: string) => Answer | undefined,
  signal: AbortSignal,
): Promise<Answer | undefined> {
  // not in readline's own terminal mode: that would take Ctrl-C away from us
  const lines = createInterface({ input, terminal: false, signal });
  try {
    prompt(false);
    for await (const line of lines) {
      const answer = accept(line.trim());
      if (answer !== undefined) return answer;
      prompt(true);
    }
    return undefined;
  } finally {
    lines.close();
  }
}
