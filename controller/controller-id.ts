/** Which of the fleet's controllers this is: drawn once, and kept beside the secret. */

import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { writeFileDurably } from "../common/durable-file.ts";
import { hasErrno, LuksmithError } from "../common/errors.ts";

const idPattern = /^[a-z0-9][a-z0-9._-]{0,63}$/;
/** Two controllers may have one host name. */
const drawnBytes = 3;
const mostOfHostname = 50;

/** @throws {LuksmithError} "config" when what is there is no id */
export async function controllerId(stateDir: string): Promise<string> {
  const path = join(stateDir, "controller.id");
  try {
    const id = (await readFile(path, "utf8")).trim();
    if (idPattern.test(id)) return id;
    throw new LuksmithError("config", `${path} is not what a controller has written there`, {
      hint: "remove it: another one is made",
    });
  } catch (error) {
    if (!hasErrno(error, "ENOENT")) throw error;
  }
  const id = newId(hostname());
  await writeFileDurably(path, `${id}\n`, 0o600);
  return id;
}

/** Begins with what people know the host by. */
function newId(host: string): string {
  const known = host
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, "-")
    .replace(/^-+/, "")
    .slice(0, mostOfHostname);
  return `${known === "" ? "controller" : known}-${randomBytes(drawnBytes).toString("hex")}`;
}
