/** What the user we run as may not use, in words: which file or directory, whose it is, and what mends it. */

import { access, constants, readFile, stat } from "node:fs/promises";
import { userInfo } from "node:os";
import { dirname, resolve } from "node:path";
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
  const us = ourUser();
  // no command: it may name secrets, and only its owner knows for whom it is
  const hint = found.isPassed
    ? notThrough(found, us)
    : `run this as ${showUser(found.owner)}, or let ${showUser(us)} read the file if nothing in it is secret`;
  return accessFault(found, us, hint);
}

/** @param mode as access(2) has it @returns undefined: it may be used so, or is not there */
export async function findObstacle(path: string, mode: number): Promise<Obstacle | undefined> {
  const whole = resolve(path);
  for (let at = whole; ; at = dirname(at)) {
    const isPassed = at !== whole;
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

/** Pure. */
export function accessFault({ path, owner }: Pick<Obstacle, "path" | "owner">, us: User, hint: string): LuksmithError {
  const whose = owner.uid === us.uid ? "" : `; it belongs to ${showUser(owner)}`;
  return new LuksmithError("config", `this runs as ${showUser(us)}, who may not use ${shown(path)}${whose}`, { hint });
}

/** Pure. Of a directory on the way: whether others may pass it is not for us to say. */
export function notThrough({ path }: Pick<Obstacle, "path">, us: User): string {
  return `what is below ${shown(path)} has to be where ${showUser(us)} may come`;
}

/** Pure. @returns undefined: nobody could type it */
export function typedUser({ uid, name }: User): string | undefined {
  return uid === overflowUid ? undefined : (name ?? `${uid}`);
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
