/**
 * The right to be the agent on a socket. Two agents would fight over every volume, so it is claimed before anything
 * else is touched, and held until everything is released.
 *
 * The claim is a lock on `<socket>.lock` (flock(2)): the kernel gives it to one process only, and takes it back when
 * that ends, even by SIGKILL. The file is never removed: between one agent's removing it and another's making it
 * anew, two could hold locks on two files of that name. Looking whether somebody answers on the socket is not
 * enough, for two agents that start together would both find it silent; it is done as well, for an agent that serves
 * the path without our lock.
 */

import { constants } from "node:fs";
import { chmod, type FileHandle, lstat, mkdir, open, stat, unlink } from "node:fs/promises";
import { connect } from "node:net";
import { dirname } from "node:path";
import { hasErrno, LuksmithError } from "../../common/errors.ts";
import { directoryFault } from "../../common/ownership.ts";
import type { Libc } from "./libc.ts";

export interface SocketClaim extends AsyncDisposable {
  readonly path: string;
  /** Lets go of the lock; safe to call twice. */
  release(): Promise<void>;
}

/**
 * Makes the directory if it is not there, takes the lock, and removes what a dead agent left at the path.
 * @throws {LuksmithError} "locked" when an agent has the socket; "config" when something at the path is no socket, or
 *   others could write to the directory
 */
export async function claimSocket(path: string, libc: Libc): Promise<SocketClaim> {
  try {
    await prepareDirectory(dirname(path));
  } catch (error) {
    throw explained(error, `the directory of the socket ${path} cannot be used`);
  }
  const lock = await takeLock(`${path}.lock`, path, libc);
  try {
    await clearPath(path);
  } catch (error) {
    await lock.close();
    throw error;
  }
  const release = () => lock.close();
  return { path, release, [Symbol.asyncDispose]: release };
}

async function prepareDirectory(directory: string): Promise<void> {
  const made = await mkdir(directory, { recursive: true, mode: 0o755 });
  // our umask may be narrower; the group's members have to get through
  if (made !== undefined) await chmod(directory, 0o755);
  const fault = directoryFault(directory, await stat(directory), process.geteuid?.() ?? 0);
  if (fault) throw fault;
}

async function takeLock(lockPath: string, socketPath: string, libc: Libc): Promise<FileHandle> {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(lockPath, flags, 0o600).catch((error: unknown) => {
    throw explained(error, `${lockPath} cannot be opened`);
  });
  try {
    if (!(await file.stat()).isFile()) throw new LuksmithError("config", `${lockPath} is not a regular file`);
    if (!libc.tryLock(file.fd)) throw taken(socketPath, await readPid(file));
    // for people, and for the message above
    await file.truncate(0);
    await file.write(`${process.pid}\n`, 0);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function readPid(file: FileHandle): Promise<string | undefined> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(16), 0, 16, 0);
  return /^(\d+)\n$/.exec(buffer.toString("latin1", 0, bytesRead))?.[1];
}

/** An error of the file system's in words; one of ours as it is. */
function explained(error: unknown, message: string): LuksmithError {
  if (error instanceof LuksmithError) return error;
  const hint = hasErrno(error, "EACCES", "EPERM") ? { hint: "the agent has to run as root" } : {};
  return new LuksmithError("config", message, { ...hint, cause: error });
}

function taken(path: string, pid?: string): LuksmithError {
  return new LuksmithError(
    "locked",
    `another agent is listening on ${path}${pid === undefined ? "" : ` (pid ${pid})`}`,
    {
      hint: "systemctl status luksmith-agent",
    },
  );
}

/** Removes a socket that nobody answers on; refuses to touch anything else. */
async function clearPath(path: string): Promise<void> {
  const found = await lstat(path).catch((error: unknown) => {
    if (hasErrno(error, "ENOENT")) return undefined;
    throw error;
  });
  if (found === undefined) return;
  if (!found.isSocket()) {
    throw new LuksmithError("config", `${path} is there already and is not a socket`, {
      hint: `see what it is and move it away: ls -ld ${path}`,
    });
  }
  if (await answers(path)) throw taken(path);
  await unlink(path);
}

/** Does somebody listen? connect(2) on a Unix socket answers at once. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error) => {
      if (hasErrno(error, "ECONNREFUSED", "ENOENT")) resolve(false);
      // its queue is full: very much there
      else if (hasErrno(error, "EAGAIN")) resolve(true);
      else reject(error);
    });
  });
}
