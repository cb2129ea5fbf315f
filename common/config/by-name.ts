/** A mapping from names to things of one kind. */

import * as z from "zod";
import { isName, nameFault, namePattern } from "./names.ts";

/** Unlike z.record with a key schema, this looks at what stands under a bad name as well. */
export function byName<Value extends z.ZodType>(value: Value) {
  return z
    .record(z.string(), value)
    .superRefine(
      (record, context) => {
        for (const name of Object.keys(record)) {
          if (!isName(name))
            context.addIssue({ code: "custom", path: [name], params: { part: "key" }, message: nameFault });
        }
      },
      { when: ({ value: record }) => typeof record === "object" && record !== null && !Array.isArray(record) },
    )
    .meta({ propertyNames: { pattern: namePattern.source } });
}
