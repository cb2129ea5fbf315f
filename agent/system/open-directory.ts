/** Directories in which others than root can put something in another's place. */

import { realpath, stat } from "node:fs/promises";
import { dirname } from "node:path";

const writableByOthers = 0o022;
/** Nobody renames or removes what is another's: inode(7), S_ISVTX. */
const sticky = 0o1000;

/**
 * @param path of a directory of this machine's, which is there
 * @returns the uppermost directory on the way to it, itself included, that others than root can change
 */
export async function firstOpenDirectory(path: string): Promise<string | undefined> {
  const real = await realpath(path);
  const onTheWay = [real];
  for (let at = real; at !== "/"; at = dirname(at)) onTheWay.unshift(dirname(at));
  for (const directory of onTheWay) {
    const { uid, mode } = await stat(directory);
    if (uid !== 0 || ((mode & writableByOthers) !== 0 && (mode & sticky) === 0)) return directory;
  }
  return undefined;
}
