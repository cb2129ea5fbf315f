/**
 * Checkpoints: copies of closed images that share their blocks with them, root's alone, in a directory that no machine reaches.
 * DIRECTORY/MACHINE/IMAGE/2026-11-23T02-00-00Z, where IMAGE is the path that the machine knows it by, "/" written as %2F.
 *
 * Whatever changes something there has the lock of the directory, over all sessions of all machines. What is unfinished under it is of
 * a helper that was killed.
 */

import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { copyFile, type FileHandle, link, lstat, open, rm, rmdir, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Clock } from "../../common/clock.ts";
import { syncDirectory } from "../../common/durable-file.ts";
import { hasErrno, LuksmithError } from "../../common/errors.ts";
import type { Exec } from "../../common/exec.ts";
import { namesIn } from "../../common/if-there.ts";
import { parseTimeName, timeName } from "../../common/time-name.ts";
import { formatDuration } from "../../common/units.ts";
import type { CheckpointsConfig } from "../config/helper-config.ts";
import { makeOwnDirectory } from "../session/runtime-directory.ts";
import { allocatedBytes, openUnnamed } from "../storage/file.ts";
import { tryLock } from "../storage/file-lock.ts";
import { imageNames } from "../storage/image-path.ts";
import { keptCheckpoints } from "./thinning.ts";

export interface Checkpoint {
  readonly name: string;
  readonly madeAt: Date;
  readonly path: string;
  readonly bytes: number;
  readonly allocatedBytes: number;
}

const { COPYFILE_EXCL, COPYFILE_FICLONE_FORCE, O_CREAT, O_NOFOLLOW, O_RDWR } = constants;
/** What ioctl_ficlone(2) may fail with where it is not known. */
const withoutReflinks = ["EOPNOTSUPP", "ENOTSUP", "EINVAL", "ENOTTY", "ENOSYS"];
const unfinished = ".new-";
/** In their directory, where there is nothing else of this name. */
export const lockName = ".lock";
/** To copy an image takes a moment, or some seconds where it is in many pieces. */
const lockMs = 60_000;
/** NAME_MAX of Linux's file systems. */
const longestName = 255;

export class CheckpointStore {
  readonly #exec: Exec;
  readonly #config: CheckpointsConfig;
  readonly #clock: Clock;

  constructor(exec: Exec, config: CheckpointsConfig, clock: Clock) {
    this.#exec = exec;
    this.#config = config;
    this.#clock = clock;
  }

  /** Can an image in this directory be copied to here in constant time? @returns why not, or undefined when it can */
  async whyNot(machineDirectory: string): Promise<string | undefined> {
    try {
      return await this.#underLock(async () => {
        await removeUnfinished(this.#config.directory);
        const path = join(this.#config.directory, `${unfinished}${randomUUID()}`);
        await using trial = await openUnnamed(machineDirectory);
        await trial.write("a trial\n");
        try {
          await clone(trial, path);
        } finally {
          await rm(path, { force: true });
        }
        return undefined;
      });
    } catch (error) {
      if (hasErrno(error, "EXDEV")) return "the machine's directory is on another file system than the checkpoints";
      if (hasErrno(error, "EISDIR")) return "its file system has no unnamed files to try it out on";
      if (hasErrno(error, "ENOSPC", "EDQUOT")) return "the storage is full";
      if (hasErrno(error, ...withoutReflinks)) {
        return "its file system has no reflinks (btrfs has, and xfs made with reflink=1)";
      }
      if (error instanceof LuksmithError) return error.message;
      if (error instanceof Error && "code" in error) return `it could not be tried out (${error.code})`;
      throw error;
    }
  }

  /** Oldest first. */
  async list(machine: string, image: string): Promise<Checkpoint[]> {
    const directory = this.#directoryOf(machine, image);
    const found = await Promise.all((await entriesOf(directory)).map((name) => describe(name, join(directory, name))));
    return found.filter((one) => one !== undefined).toSorted((a, b) => a.madeAt.getTime() - b.madeAt.getTime());
  }

  /**
   * Of an open image, which nobody writes to meanwhile; then removes what the policy no longer keeps.
   * @throws {LuksmithError} "exists" when the last one is too young, "full" for one image too many, "refused" where the storage has
   *   no reflinks
   */
  async create(
    machine: string,
    image: string,
    file: FileHandle,
  ): Promise<{ checkpoint: Checkpoint; removed: string[] }> {
    const directory = this.#directoryOf(machine, image);
    return this.#underLock(async () => {
      const now = this.#clock.now();
      await this.#requireDue(machine, image, now);
      await this.#prepare(machine, directory);
      const checkpoint = await this.#make(directory, now, file);
      return { checkpoint, removed: await this.#thin(machine, image) };
    });
  }

  /** Every image that there are checkpoints of. */
  async images(): Promise<{ machine: string; image: string }[]> {
    const machines = (await entriesOf(this.#config.directory)).filter((name) => !name.startsWith("."));
    const found = await Promise.all(
      machines.map(async (machine) =>
        (await entriesOf(join(this.#config.directory, machine))).flatMap((name) => {
          const image = decoded(name);
          return image === undefined ? [] : [{ machine, image }];
        }),
      ),
    );
    return found.flat();
  }

  async #requireDue(machine: string, image: string, now: Date): Promise<void> {
    // one from the future was made when the clock was wrong: it stays, and keeps nobody from making others
    const past = (await this.list(machine, image)).filter(({ madeAt }) => madeAt.getTime() <= now.getTime());
    const last = past.at(-1);
    const sinceMs = last === undefined ? Number.POSITIVE_INFINITY : now.getTime() - last.madeAt.getTime();
    if (sinceMs >= this.#config.everyMs) return;
    throw new LuksmithError("exists", `there is a checkpoint from ${formatDuration(sinceMs)} ago`, {
      hint: `the backup host makes one in ${formatDuration(this.#config.everyMs)} at most (checkpoints.every)`,
    });
  }

  /** A directory for the image, unless the machine has too many of them, and nothing unfinished in any. */
  async #prepare(machine: string, directory: string): Promise<void> {
    const { maxImages } = this.#config;
    const machines = join(this.#config.directory, machine);
    await makeOwnDirectory(machines, 0o700);
    const all = (await entriesOf(machines)).map((name) => join(machines, name));
    // a machine can think of any number of names
    if (!all.includes(directory) && all.length >= maxImages) {
      throw new LuksmithError("full", `this machine has checkpoints of ${maxImages} images on the backup host`, {
        hint: "its administrator: checkpoints.maxImages, or remove those of images that are no more",
      });
    }
    for (const one of all) await removeUnfinished(one);
    await makeOwnDirectory(directory, 0o700);
  }

  async #make(directory: string, now: Date, file: FileHandle): Promise<Checkpoint> {
    const name = timeName(now);
    const path = join(directory, name);
    const fresh = join(directory, `${unfinished}${name}`);
    try {
      await clone(file, fresh);
      // and not a rename, which would put it in the place of one that is there
      await link(fresh, path);
    } catch (error) {
      if (hasErrno(error, "EXDEV", ...withoutReflinks)) {
        throw new LuksmithError("refused", "the storage cannot copy an image in constant time", {
          hint: "luksmith remote check says why",
        });
      }
      if (hasErrno(error, "EEXIST")) throw new LuksmithError("exists", `there is a checkpoint ${name} already`);
      throw error;
    } finally {
      await rm(fresh, { force: true });
      // what was prepared for nothing; those that have something in them stay, and an empty one does no harm either
      for (const empty of [directory, dirname(directory)]) await rmdir(empty).catch(() => undefined);
    }
    await syncDirectory(directory);
    const made = await describe(name, path);
    if (made === undefined) throw new LuksmithError("internal", "a checkpoint that was made is not there");
    return made;
  }

  /** @returns the names of those it has removed */
  async #thin(machine: string, image: string): Promise<string[]> {
    const checkpoints = await this.list(machine, image);
    const times = checkpoints.map(({ madeAt }) => madeAt);
    const kept = keptCheckpoints(times, this.#config.keep, this.#clock.now());
    const removed = checkpoints.filter(({ madeAt }) => !kept.has(madeAt));
    for (const { path } of removed) await rm(path, { force: true });
    return removed.map(({ name }) => name);
  }

  async #underLock<T>(work: () => Promise<T>): Promise<T> {
    await makeOwnDirectory(this.#config.directory, 0o700);
    await using file = await open(join(this.#config.directory, lockName), O_CREAT | O_NOFOLLOW | O_RDWR, 0o600);
    if (await tryLock(this.#exec, file, { waitMs: lockMs })) return await work();
    throw new LuksmithError("locked", "others keep the backup host's checkpoints locked");
  }

  #directoryOf(machine: string, image: string): string {
    // in one name, so that no directory of the machine's can have the name of a checkpoint
    const name = encodeURIComponent(imageNames(image).join("/"));
    if (name.length <= longestName) return join(this.#config.directory, machine, name);
    throw new LuksmithError("usage", "the image's path is too long for checkpoints of it");
  }
}

/** What is no directory has nothing in it. */
function entriesOf(directory: string): Promise<string[]> {
  return namesIn(directory, "ENOTDIR");
}

async function removeUnfinished(directory: string): Promise<void> {
  for (const name of await entriesOf(directory)) {
    if (name.startsWith(unfinished)) await unlink(join(directory, name));
  }
}

/** @returns the image's path; undefined for a name that none of ours is */
function decoded(name: string): string | undefined {
  try {
    const image = decodeURIComponent(name);
    return encodeURIComponent(imageNames(image).join("/")) === name ? image : undefined;
  } catch {
    return undefined;
  }
}

/** @returns undefined for what is none, or is gone by now */
async function describe(name: string, path: string): Promise<Checkpoint | undefined> {
  const madeAt = parseTimeName(name);
  if (madeAt === undefined) return undefined;
  try {
    const found = await lstat(path);
    if (!found.isFile()) return undefined;
    return { name, madeAt, path, bytes: found.size, allocatedBytes: allocatedBytes(found) };
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** The blocks are shared, or it fails (ioctl_ficlone(2)); on disk when it returns. */
async function clone(file: FileHandle, to: string): Promise<void> {
  await copyFile(`/proc/self/fd/${file.fd}`, to, COPYFILE_EXCL | COPYFILE_FICLONE_FORCE);
  await using copy = await open(to, "r");
  // libuv gives it the owner and the mode of what it is made from
  await copy.chown(0, 0);
  await copy.chmod(0o400);
  await copy.sync();
}
