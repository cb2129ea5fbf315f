/**
 * The files that are to be the controller's own, seen as the user whom it runs as: they are most often in the way when root began
 * the fleet, and another user is to serve it.
 */

import { existsSync } from "node:fs";
import { constants, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import {
  accessFault,
  findObstacle,
  notThrough,
  type Obstacle,
  ourUser,
  showUser,
  typedUser,
  type User,
  userOf,
} from "../common/access-fault.ts";
import { LuksmithError } from "../common/errors.ts";
import { showName } from "../common/file-name.ts";
import { pathWord } from "../common/shell-word.ts";
import { secretFile } from "./authority/secret-file.ts";

const { R_OK, W_OK, X_OK } = constants;

/** @throws {LuksmithError} "config" with the command that mends it, before anything is made; what is missing is no fault */
export async function requireOwnFiles(stateDir: string, database: string): Promise<void> {
  const us = ourUser();
  // root may do everything
  if (us.uid === 0) return;
  const id = join(stateDir, "controller.id");
  // what SQLite keeps beside its file is in the same directory
  const sqlite = database.includes("://") ? [] : [database, `${database}-wal`, `${database}-journal`];
  const writesThere = database.startsWith(`${stateDir}/`) || !existsSync(id);
  const wanted = [
    ...[secretFile(stateDir), id].map((path) => ({ path, mode: R_OK })),
    ...sqlite.map((path) => ({ path, mode: R_OK | W_OK })),
    ...(writesThere ? [{ path: stateDir, mode: W_OK | X_OK }] : []),
  ];
  for (const { path, mode } of wanted) {
    const found = await findObstacle(path, mode);
    if (found !== undefined) throw accessFault(found, us, mend(found, stateDir, us));
  }
}

/** Pure. @returns what gives `us` what is in the way, and no more than that: never what a link leads to, nor what else is in a directory */
export function mend({ path, owner, isPassed }: Obstacle, stateDir: string, us: User): string {
  if (isPassed) return notThrough({ path }, us);
  if (owner.uid === us.uid) return `as root: chmod u+rwX ${pathWord(path)}`;
  const isInside = path === stateDir || path.startsWith(`${stateDir}/`);
  const give = `as root: ${isInside ? giveCommand(stateDir, typedUser(us)) : `chown -h ${typedUser(us) ?? "USER"} ${pathWord(path)}`}`;
  const other = owner.uid === 0 ? undefined : typedUser(owner);
  return other === undefined ? give : `${asOwner(owner)}; or, if it is to be ${showUser(us)}'s from now on, ${give}`;
}

/** Pure. @returns the command, for root, that gives a user the directory and what the controller has in it */
export function giveCommand(stateDir: string, user = "USER"): string {
  const directory = pathWord(stateDir);
  return `chown -h ${user} ${directory} ${directory}/controller.*`;
}

/**
 * What root makes in the directory of another user that user could not read; and a directory with something else in it could not be given
 * to a user without that.
 * @param credentialFile that may be there
 * @throws {LuksmithError} "config"
 */
export async function requireRootsPlace(stateDir: string, credentialFile: string): Promise<void> {
  if (ourUser().uid !== 0 || !existsSync(stateDir)) return;
  const owner = await userOf((await stat(stateDir)).uid);
  if (owner.uid !== 0) {
    throw new LuksmithError("config", `this runs as root, and ${pathWord(stateDir)} belongs to ${showUser(owner)}`, {
      hint: `as the user who is to serve: ${asOwner(owner)}`,
    });
  }
  const foreign = (await readdir(stateDir)).find(
    (name) => !isControllers(name) && join(stateDir, name) !== credentialFile,
  );
  if (foreign === undefined) return;
  const what = `${pathWord(stateDir)} has more in it than a controller's files: ${showName(Buffer.from(foreign))}`;
  throw new LuksmithError("config", what, { hint: "a controller has a directory of its own: --state-dir DIR" });
}

/** Also of its user, whose home it is, and of a file system. */
function isControllers(name: string): boolean {
  return name.startsWith("controller.") || name.startsWith(".") || name === "lost+found";
}

function asOwner(owner: User): string {
  return `runuser --user ${typedUser(owner) ?? "USER"} -- luksmith-controller ...`;
}
