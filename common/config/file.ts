/**
 * Reading a program's configuration strictly: a file that only root could have written, YAML without surprises, a
 * schema that knows every key; and every fault in it at once, as `file:line:column: path: what`.
 */

import { constants } from "node:fs";
import { type FileHandle, open, realpath, stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { z } from "zod";
import { readFault } from "../access-fault.ts";
import { hasErrno, LuksmithError } from "../errors.ts";
import { showName } from "../file-name.ts";
import { directoryFault, ownershipFault } from "../ownership.ts";
import { escapeControls } from "../quote.ts";
import { type ConfigIssue, checkConfig } from "./issue.ts";
import { showConfigPath } from "./path.ts";
import { parseYaml, parseYamlDocuments, type YamlDocument, type YamlFault } from "./yaml-document.ts";

/** Many times what the largest configuration needs. */
const configBytesMax = 2 ** 20;

/**
 * What the schema makes of the text.
 * @param fileName stands in front of each fault
 * @throws {LuksmithError} "config" whose message has a line for each fault, in the order of the file
 */
export function readConfig<T>(schema: z.ZodType<T>, text: string, fileName: string): T {
  const { value, faults } = check(parseYaml(text), () => schema);
  if (value === undefined || faults.length > 0) throw faultsError(faults, fileName);
  return value;
}

/** What shows only when documents are seen together. */
export interface DocumentIssue extends ConfigIssue {
  /** Counted from 0. */
  readonly document: number;
}

/**
 * The same for a text of several documents.
 * @param schemaOf what a document is to be, by what it looks like
 * @param together what is wrong with them side by side; undefined stands for those that have a fault of their own
 */
export function readConfigs<T>(
  schemaOf: (value: unknown) => z.ZodType<T>,
  text: string,
  fileName: string,
  together: (values: readonly (T | undefined)[]) => readonly DocumentIssue[],
): T[] {
  const documents = parseYamlDocuments(text);
  const checked = documents.map((document) => check(document, schemaOf));
  const issues = together(checked.map(({ value }) => value)).flatMap((issue) => {
    const document = documents[issue.document];
    return document === undefined ? [] : [placed(document, issue)];
  });
  const faults = [...checked.flatMap((each) => each.faults), ...issues];
  if (faults.length > 0) throw faultsError(faults, fileName);
  return checked.flatMap(({ value }) => (value === undefined ? [] : [value]));
}

function check<T>(
  document: YamlDocument,
  schemaOf: (value: unknown) => z.ZodType<T>,
): { value: T | undefined; faults: readonly YamlFault[] } {
  if (document.value === undefined) return { value: undefined, faults: document.faults };
  const checked = checkConfig(schemaOf(document.value), document.value);
  if (checked.issues === undefined) return { value: checked.value, faults: document.faults };
  return { value: undefined, faults: [...document.faults, ...checked.issues.map((issue) => placed(document, issue))] };
}

function placed(document: YamlDocument, { path, part, message }: ConfigIssue): YamlFault {
  return { ...document.placeOf(path, part), path, message };
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
    if (hasErrno(cause, "ENOENT")) {
      throw new LuksmithError("config", `${name} is not there`, {
        hint: "write it, or name another with --config FILE; deploy has an example to begin with",
        cause,
      });
    }
    throw (await readFault(path)) ?? new LuksmithError("config", `${name} cannot be opened`, { cause });
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
