/** Does what a step says. What could be looked at before has been; what happens since then makes it fail, and not go wrong. */

import { constants } from "node:fs";
import { chmod, chown, copyFile, mkdir, open, rename, rm, rmdir, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { syncDirectory, writeFileDurably } from "../../../common/durable-file.ts";
import { hasErrno, LuksmithError } from "../../../common/errors.ts";
import { type Exec, lastWords } from "../../../common/exec.ts";
import { accountOf } from "../../session/machine.ts";
import type { Action } from "../step.ts";
import { requireSshdReads, requireSudoReads } from "./checks.ts";

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants;
/** Packages are downloaded. */
const commandDeadlineMs = 1_800_000;

export async function carryOut(exec: Exec, action: Action, machine: string): Promise<void> {
  switch (action.kind) {
    case "nothing":
      return;
    case "file":
      return putFile(exec, action, machine);
    case "copy":
      return putCopy(action.from, action.path, action.mode);
    case "directory":
      return makeDirectory(exec, action);
    case "own":
      return own(exec, action.path, action.mode, action.owner);
    case "remove":
      await unlink(action.path).catch(unlessGone);
      return syncDirectory(dirname(action.path));
    case "remove-directory":
      return removeDirectory(action.path);
    case "command":
      return runCommand(exec, action);
  }
}

async function putFile(exec: Exec, action: Extract<Action, { kind: "file" }>, machine: string): Promise<void> {
  const { path, content, mode, before, check } = action;
  if (check === "sudo") await requireSudoReads(exec, content);
  await writeFileDurably(path, content, mode);
  await chown(path, 0, 0);
  if (check !== "sshd") return;
  try {
    await requireSshdReads(exec, machine);
  } catch (error) {
    // an sshd that cannot read its configuration would let nobody in the next time that it starts
    if (before === undefined) await rm(path);
    else await writeFileDurably(path, before, mode);
    throw error;
  }
}

/** A new file in its place: a helper that runs now goes on with the old one. */
async function putCopy(from: string, path: string, mode: number): Promise<void> {
  const fresh = `${path}.new`;
  await rm(fresh, { force: true });
  await copyFile(from, fresh);
  await using file = await open(fresh, "r");
  await file.chown(0, 0);
  await file.chmod(mode);
  await file.sync();
  await rename(fresh, path);
  await syncDirectory(dirname(path));
}

async function makeDirectory(exec: Exec, { path, mode, owner }: Extract<Action, { kind: "directory" }>): Promise<void> {
  await mkdir(path, { mode: 0o700 });
  if (owner === undefined) await chmod(path, mode);
  else await own(exec, path, mode, owner);
  await syncDirectory(dirname(path));
}

/** Of what only root's directories lead to: nobody exchanges it meanwhile. */
async function own(exec: Exec, path: string, mode: number, owner: string): Promise<void> {
  const account = owner === "root" ? { uid: 0, gid: 0 } : await accountOf(exec, owner);
  await using directory = await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  await directory.chown(account.uid, account.gid);
  await directory.chmod(mode);
}

async function removeDirectory(path: string): Promise<void> {
  try {
    await rmdir(path);
  } catch (error) {
    if (!hasErrno(error, "ENOENT", "ENOTEMPTY")) throw error;
  }
}

async function runCommand(
  exec: Exec,
  { argv, env, asUser, hint, mayFail }: Extract<Action, { kind: "command" }>,
): Promise<void> {
  const [file = "", ...args] = argv;
  const as = asUser === undefined ? undefined : await accountOf(exec, asUser);
  const finished = await exec({ file, args, deadlineMs: commandDeadlineMs, as, ...(env === undefined ? {} : { env }) });
  if (finished.exitCode === 0 || mayFail === true) return;
  throw new LuksmithError("tool_failed", `${argv.join(" ")} failed: ${lastWords(finished)}`, {
    ...(hint === undefined ? {} : { hint }),
    cause: finished,
  });
}

function unlessGone(error: unknown): void {
  if (!hasErrno(error, "ENOENT")) throw error;
}
