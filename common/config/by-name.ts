/** A mapping from names to things of one kind. */

import * as z from "zod";
import { nameFault, namePattern } from "./names.ts";

/** What a name may be, and what is said of one that it may not. */
export interface NameRule {
  readonly pattern: RegExp;
  readonly fault: string;
}

const ownNames: NameRule = { pattern: namePattern, fault: nameFault };

/** Unlike z.record with a key schema, this looks at what stands under a bad name as well. */
export function byName<Value extends z.ZodType>(value: Value, { pattern, fault }: NameRule = ownNames) {
  return z
    .record(z.string(), value)
    .superRefine(
      (record, context) => {
        for (const name of Object.keys(record)) {
          if (!pattern.test(name))
            context.addIssue({ code: "custom", path: [name], params: { part: "key" }, message: fault });
        }
      },
      { when: ({ value: record }) => typeof record === "object" && record !== null && !Array.isArray(record) },
    )
    .meta({ propertyNames: { pattern: pattern.source } });
}
