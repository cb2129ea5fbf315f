/** A token from where no other user of the machine can read it. */

import { LuksmithError } from "../common/errors.ts";
import { readKeyFrom } from "./secret-input.ts";

/** @param path "-" is standard input @throws {LuksmithError} "usage" when there is none */
export async function readTokenFrom(path: string): Promise<string> {
  const bytes = await readKeyFrom(path);
  const [line = ""] = bytes.toString("utf8").split("\n");
  bytes.fill(0);
  const token = line.trim();
  if (token !== "") return token;
  throw new LuksmithError("usage", "there is no token in the first line", {
    hint: "luksmith fleet token create prints one",
  });
}
