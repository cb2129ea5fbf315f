/** What the user we run as may not use, in words: which file or directory, whose it is, and the command that mends it. */

import { access, constants, readFile, stat } from "node:fs/promises";
import { userInfo } from "node:os";
import { dirname } from "node:path";
import { hasErrno, LuksmithError } from "./errors.ts";
import { showName } from "./file-name.ts";

/** Whom the kernel shows in the place of users whom a user namespace has not (user_namespaces(7)); systemd's PrivateUsers makes one. */
const overflowUid = 65534;

export interface User {
  readonly uid: number;
  /** Undefined: nobody here knows it. */
  readonly name: string | undefined;
}

export interface Obstacle {
  readonly path: string;
  readonly owner: User;
  /** A directory on the way: it is neither read nor written. */
  readonly isPassed: boolean;
}

/** @returns why we cannot read `path`, which others are to read as well; undefined: we can, or it is not there */
export async function readFault(path: string): Promise<LuksmithError | undefined> {
  const found = await findObstacle(path, constants.R_OK);
  if (found === undefined) return undefined;
  return accessFault(found, ourUser(), `chmod a+${found.isPassed ? "x" : "r"} ${shown(found.path)}`);
}

/** @param mode as access(2) has it @returns undefined: it may be used so, or is not there */
export async function findObstacle(path: string, mode: number): Promise<Obstacle | undefined> {
  for (let at = path; ; at = dirname(at)) {
    const isPassed = at !== path;
    try {
      const { uid } = await stat(at);
      const isAllowed = await mayUse(at, isPassed ? constants.X_OK : mode);
      return isAllowed ? undefined : { path: at, owner: await userOf(uid), isPassed };
    } catch (error) {
      // a file system that is read-only, and the like, is no question of who we are
      if (!hasErrno(error, "EACCES") || at === "/") return undefined;
    }
  }
}

async function mayUse(path: string, mode: number): Promise<boolean> {
  try {
    await access(path, mode);
    return true;
  } catch (error) {
    return !hasErrno(error, "EACCES");
  }
}

/** Pure. @param mend the command, for root */
export function accessFault({ path, owner }: Pick<Obstacle, "path" | "owner">, us: User, mend: string): LuksmithError {
  const whose = owner.uid === us.uid ? "" : `; it belongs to ${showUser(owner)}`;
  return new LuksmithError("config", `this runs as ${showUser(us)}, who may not use ${shown(path)}${whose}`, {
    hint: `as root: ${mend}`,
  });
}

export function showUser({ uid, name }: User): string {
  if (uid === overflowUid) return "another user";
  return name ?? `uid ${uid}`;
}

/** Whom this program runs as. */
export function ourUser(): User {
  const uid = process.geteuid?.() ?? 0;
  try {
    const { uid: real, username } = userInfo();
    return { uid, name: real === uid ? username : undefined };
  } catch {
    // a container's user need not have a name
    return { uid, name: undefined };
  }
}

/** Source: passwd(5); whoever is known elsewhere alone has a number here. */
export async function userOf(uid: number): Promise<User> {
  const list = await readFile("/etc/passwd", "utf8").catch(() => "");
  const fields = list.split("\n").map((line) => line.split(":"));
  return { uid, name: fields.find((line) => line[2] === `${uid}`)?.[0] };
}

function shown(path: string): string {
  return showName(Buffer.from(path));
}
