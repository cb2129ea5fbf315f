/** Directories in which others than root can put something in another's place. */

import { realpath, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { directoryFault } from "../../common/ownership.ts";

/**
 * @param path of a directory of this machine's, which is there
 * @returns the uppermost directory on the way to it, itself included, that others than root can change
 */
export async function firstOpenDirectory(path: string): Promise<string | undefined> {
  const real = await realpath(path);
  const onTheWay = [real];
  for (let at = real; at !== "/"; at = dirname(at)) onTheWay.unshift(dirname(at));
  for (const directory of onTheWay) {
    if (directoryFault(directory, await stat(directory), 0) !== undefined) return directory;
  }
  return undefined;
}
