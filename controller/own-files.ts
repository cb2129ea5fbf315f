/**
 * The files that are to be the controller's own, seen as the user whom it runs as: they are most often in the way when root began
 * the fleet, and another user is to serve it.
 */

import { existsSync } from "node:fs";
import { constants, stat } from "node:fs/promises";
import { join } from "node:path";
import {
  accessFault,
  findObstacle,
  type Obstacle,
  ourUser,
  showUser,
  type User,
  userOf,
} from "../common/access-fault.ts";
import { LuksmithError } from "../common/errors.ts";
import { showName } from "../common/file-name.ts";
import { secretFile } from "./authority/secret-file.ts";

const { R_OK, W_OK, X_OK } = constants;

/** @throws {LuksmithError} "config" with the command that mends it, before anything is made; what is missing is no fault */
export async function requireOwnFiles(stateDir: string, database: string): Promise<void> {
  const us = ourUser();
  if (us.uid === 0) return requireRoots(stateDir);
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

/** Pure. @returns the command that gives `us` what is in the way, and no more than that outside of the state directory */
export function mend({ path, owner, isPassed }: Obstacle, stateDir: string, us: User): string {
  const isInside = path === stateDir || path.startsWith(`${stateDir}/`);
  if (!isInside) return isPassed ? `chmod a+x ${shown(path)}` : `chown ${us.name ?? us.uid} ${shown(path)}`;
  if (owner.uid === us.uid) return `chmod -R u+rwX ${shown(stateDir)}`;
  const chown = `chown -R ${us.name ?? us.uid} ${shown(stateDir)}`;
  if (owner.uid === 0) return chown;
  return `${asOwner(owner)}; or, if it is to be another's from now on, ${chown}`;
}

/** Root may do everything, and what it makes in the directory of another user that user could not read. */
async function requireRoots(stateDir: string): Promise<void> {
  if (!existsSync(stateDir)) return;
  const owner = await userOf((await stat(stateDir)).uid);
  if (owner.uid === 0) return;
  throw new LuksmithError("config", `this runs as root, and ${shown(stateDir)} belongs to ${showUser(owner)}`, {
    hint: `as the user who is to serve: ${asOwner(owner)}`,
  });
}

function asOwner({ name }: User): string {
  return `runuser --user ${name ?? "NAME"} -- luksmith-controller ...`;
}

function shown(path: string): string {
  return showName(Buffer.from(path));
}
