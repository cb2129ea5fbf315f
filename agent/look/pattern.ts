/** What somebody looks for, as a test of find's. Pure. Source: find(1), -name and -path. */

import { LuksmithError } from "../../common/errors.ts";
import { quoteText } from "../../common/quote.ts";

/** Linux: PATH_MAX, with its NUL. */
const longest = 4095;

/**
 * Without a slash it is for names; with one for whole paths, as they were on the machine or in the snapshot, and there a star
 * means slashes as well. Files and directories alike.
 * @throws {LuksmithError} "usage"
 */
export function patternTest(pattern: string, ignoreCase: boolean): readonly string[] {
  if (pattern.includes("\0") || pattern.includes("\uFFFD")) {
    throw new LuksmithError("usage", "a pattern is plain text", { hint: "a ? stands for any byte" });
  }
  if (Buffer.byteLength(pattern) > longest) {
    throw new LuksmithError("usage", `a pattern is longer than ${longest} bytes`);
  }
  const bare = pattern.replace(/\/+$/, "");
  if (bare === "" || bare === ".") {
    throw new LuksmithError("usage", `${quoteText(pattern)} looks for nothing`, {
      hint: "a name such as letter.txt or '*.odt', or a path such as '/home/*/letter.txt'",
    });
  }
  if (!bare.includes("/")) return [ignoreCase ? "-iname" : "-name", bare];
  if (/(^|\/)\.\.(\/|$)/.test(bare)) {
    throw new LuksmithError("usage", `a path in a snapshot cannot hold "..": ${quoteText(pattern)}`);
  }
  return [ignoreCase ? "-ipath" : "-path", `./${bare.replace(/^(\.?\/)+/, "").replace(/\/{2,}/g, "/")}`];
}
