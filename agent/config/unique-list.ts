/** A list in which nothing stands twice. */

import * as z from "zod";

export function uniqueList<Item extends z.ZodType<string>>(item: Item) {
  return z.array(item).superRefine(
    (items: string[], context) => {
      for (const [index, text] of items.entries()) {
        if (typeof text === "string" && items.indexOf(text) < index) {
          context.addIssue({
            code: "custom",
            path: [index],
            message: `is in the list already (entry ${items.indexOf(text) + 1})`,
          });
        }
      }
    },
    // even when some of the items have faults of their own
    { when: ({ value }) => Array.isArray(value) },
  );
}
