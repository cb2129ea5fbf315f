/**
 * Keys that later versions will act on. They are refused rather than ignored: nobody may believe that runs are scheduled, or
 * that a controller watches, when it is not so.
 */

import * as z from "zod";

/** A key that must be left out. @param instead what would happen, and what to do now: "... and no run would start" */
export function notYet(instead: string) {
  const message = `not in this version yet: it would be ignored, and ${instead}`;
  return z.never({ error: message }).optional().meta({ description: message });
}
