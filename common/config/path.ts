/** Where something stands in a configuration: keys and list positions from the top, as people write them. */

import { quoteText } from "../quote.ts";

export type ConfigPath = readonly PropertyKey[];

/** `jobs.home.sources[1]`; a key that is more than a plain word stands quoted: `jobs["my job"]`. */
export function showConfigPath(path: ConfigPath): string {
  let shown = "";
  for (const segment of path) {
    if (typeof segment === "number") shown += `[${segment}]`;
    else if (/^[\p{L}\p{N}_-]+$/u.test(String(segment)))
      shown += shown === "" ? String(segment) : `.${String(segment)}`;
    else shown += `[${quoteText(String(segment))}]`;
  }
  return shown;
}
