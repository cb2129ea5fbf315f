/** Files and directories that need not be there. */

import { readdir, readFile } from "node:fs/promises";
import { hasErrno } from "./errors.ts";

/** @param orElse further error codes that count as not being there, such as "EIO" @returns undefined when it is not */
export async function readIfThere(path: string, ...orElse: string[]): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (hasErrno(error, "ENOENT", ...orElse)) return undefined;
    throw error;
  }
}

/** @param orElse as above @returns none for a directory that is not there */
export async function namesIn(directory: string, ...orElse: string[]): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (hasErrno(error, "ENOENT", ...orElse)) return [];
    throw error;
  }
}
