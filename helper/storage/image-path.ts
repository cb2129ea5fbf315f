/** What a machine may call an image: a path below its own directory, made of plain names. Pure. */

import { LuksmithError } from "../../common/errors.ts";
import { quoteText } from "../../common/quote.ts";

/** As luksmith's agents name images and directories; what they would never ask for is refused. */
const namePattern = /^[A-Za-z0-9_][A-Za-z0-9_.+-]{0,199}$/;
const deepest = 8;

/** @returns its names, the last one the file's @throws {LuksmithError} "denied" */
export function imageNames(path: string): readonly string[] {
  const names = path.split("/").filter((name) => name !== ".");
  const isPlain = names.length > 0 && names.length <= deepest && names.every((name) => namePattern.test(name));
  if (isPlain) return names;
  throw new LuksmithError("denied", `${quoteText(path)} is no image below this machine's directory`, {
    hint: "remotes.NAME.path has to be relative, and its parts of letters, digits, _, ., + and -, as the image's name",
  });
}
