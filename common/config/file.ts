/**
 * Reading a program's configuration strictly: a file that only root could have written, YAML without surprises, a
 * schema that knows every key; and every fault in it at once, as `file:line:column: path: what`.
 */

import { constants } from "node:fs";
import { type FileHandle, open, realpath, stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { z } from "zod";
import { hasErrno, LuksmithError } from "../errors.ts";
import { showName } from "../file-name.ts";
import { directoryFault, ownershipFault } from "../ownership.ts";
import { escapeControls } from "../quote.ts";
import { checkConfig } from "./issue.ts";
import { showConfigPath } from "./path.ts";
import { parseYaml, type YamlFault } from "./yaml-document.ts";

/** Many times what the largest configuration needs. */
const configBytesMax = 2 ** 20;

/**
 * What the schema makes of the text.
 * @param fileName stands in front of each fault
 * @throws {LuksmithError} "config" whose message has a line for each fault, in the order of the file
 */
export function readConfig<T>(schema: z.ZodType<T>, text: string, fileName: string): T {
  const document = parseYaml(text);
  if (document.value === undefined) throw faultsError(document.faults, fileName);
  const checked = checkConfig(schema, document.value);
  if (checked.issues === undefined && document.faults.length === 0) return checked.value;
  const found = (checked.issues ?? []).map(({ path, part, message }) => ({
    ...document.placeOf(path, part),
    path,
    message,
  }));
  throw faultsError([...document.faults, ...found], fileName);
}

function faultsError(faults: readonly YamlFault[], fileName: string): LuksmithError {
  const lines = faults
    .toSorted((a, b) => a.line - b.line || a.column - b.column)
    .map(({ line, column, path, message }) => {
      const where = path.length === 0 ? "" : `${showConfigPath(path)}: `;
      return escapeControls(`${fileName}:${line}:${column}: ${where}${message}`);
    });
  return new LuksmithError("config", [...new Set(lines)].join("\n"));
}

/**
 * The text of a configuration file, read only if nobody but root (or the user we run as) could have written it or put
 * another in its place: what stands in it runs as that user.
 * @throws {LuksmithError} "config" with the command that would make it right
 */
export async function readConfigFile(path: string): Promise<string> {
  const name = showName(Buffer.from(path));
  let file: FileHandle;
  try {
    // a FIFO must not hold us up
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    if (hasErrno(cause, "ENOENT")) throw new LuksmithError("config", `${name} is not there`, { cause });
    throw new LuksmithError("config", `${name} cannot be opened`, { cause });
  }
  try {
    const fileStat = await file.stat();
    if (!fileStat.isFile()) throw new LuksmithError("config", `${name} is not a regular file`);
    const ourUid = process.geteuid?.() ?? 0;
    const directory = dirname(await realpath(path));
    const fault =
      ownershipFault(name, fileStat, ourUid) ??
      directoryFault(showName(Buffer.from(directory)), await stat(directory), ourUid);
    if (fault) throw fault;
    if (fileStat.size > configBytesMax) throw new LuksmithError("config", `${name} is larger than 1 MiB`);
    return decode(await file.readFile(), name);
  } finally {
    await file.close();
  }
}

function decode(bytes: Buffer, name: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new LuksmithError("config", `${name} is not UTF-8`, { cause });
  }
}
