/**
 * Checkpoints: copies of closed images that share their blocks with them, root's alone, in a directory that no machine reaches.
 * DIRECTORY/MACHINE/IMAGE/2026-11-23T02-00-00Z, where IMAGE is the path that the machine knows it by, "/" written as %2F.
 */

import { constants } from "node:fs";
import { copyFile, type FileHandle, mkdir, mkdtemp, open, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../common/clock.ts";
import { syncDirectory } from "../../common/durable-file.ts";
import { hasErrno, LuksmithError } from "../../common/errors.ts";
import { parseTimeName, timeName } from "../../common/time-name.ts";
import { formatDuration } from "../../common/units.ts";
import type { CheckpointsConfig } from "../config/helper-config.ts";
import { allocatedBytes, openUnnamed } from "../storage/file.ts";
import { imageNames } from "../storage/image-path.ts";
import { keptCheckpoints } from "./thinning.ts";

export interface Checkpoint {
  readonly name: string;
  readonly madeAt: Date;
  readonly path: string;
  readonly bytes: number;
  readonly allocatedBytes: number;
}

const { COPYFILE_EXCL, COPYFILE_FICLONE_FORCE } = constants;
/** What ioctl_ficlone(2) may fail with where it is not known. */
const withoutReflinks = ["EOPNOTSUPP", "ENOTSUP", "EINVAL", "ENOTTY", "ENOSYS"];
const unfinished = ".new-";

export class CheckpointStore {
  readonly #config: CheckpointsConfig;
  readonly #clock: Clock;

  constructor(config: CheckpointsConfig, clock: Clock) {
    this.#config = config;
    this.#clock = clock;
  }

  /** Can an image in this directory be copied to here in constant time? @returns why not, or undefined when it can */
  async whyNot(machineDirectory: string): Promise<string | undefined> {
    await mkdir(this.#config.directory, { recursive: true, mode: 0o700 });
    const here = await mkdtemp(join(this.#config.directory, unfinished));
    try {
      await using trial = await openUnnamed(machineDirectory);
      await trial.write("a trial\n");
      await clone(trial, join(here, "trial"));
      return undefined;
    } catch (error) {
      if (hasErrno(error, "EXDEV")) return "the machine's directory is on another file system than the checkpoints";
      if (!hasErrno(error, ...withoutReflinks)) throw error;
      return "its file system has no reflinks (btrfs has, and xfs made with reflink=1)";
    } finally {
      await rm(here, { recursive: true, force: true });
    }
  }

  /** Oldest first. */
  async list(machine: string, image: string): Promise<Checkpoint[]> {
    const directory = this.#directoryOf(machine, image);
    const names = await namesIn(directory);
    const found = await Promise.all(
      names.map(async (name) => {
        const madeAt = parseTimeName(name);
        if (madeAt === undefined) return [];
        return [await describe(name, madeAt, join(directory, name))];
      }),
    );
    return found.flat().toSorted((a, b) => a.madeAt.getTime() - b.madeAt.getTime());
  }

  /**
   * Of an open image, which nobody writes to meanwhile.
   * @throws {LuksmithError} "exists" when the last one is too young, "refused" where the storage has no reflinks
   */
  async create(machine: string, image: string, file: FileHandle): Promise<Checkpoint> {
    const directory = this.#directoryOf(machine, image);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const now = this.#clock.now();
    const last = (await this.list(machine, image)).at(-1);
    const sinceMs = last === undefined ? Number.POSITIVE_INFINITY : now.getTime() - last.madeAt.getTime();
    if (sinceMs < this.#config.everyMs) {
      throw new LuksmithError("exists", `there is a checkpoint from ${formatDuration(Math.max(0, sinceMs))} ago`, {
        hint: `the backup host makes one in ${formatDuration(this.#config.everyMs)} at most (checkpoints.every)`,
      });
    }
    const name = timeName(now);
    const path = join(directory, name);
    // one of this same second is another session's, or of a helper that was killed
    const fresh = join(directory, `${unfinished}${name}`);
    await rm(fresh, { force: true });
    try {
      await clone(file, fresh);
    } catch (error) {
      await rm(fresh, { force: true });
      if (!hasErrno(error, "EXDEV", ...withoutReflinks)) throw error;
      throw new LuksmithError("refused", "the storage cannot copy an image in constant time", {
        hint: "luksmith remote check says why",
      });
    }
    await rename(fresh, path);
    await syncDirectory(directory);
    return describe(name, now, path);
  }

  /** Every image that there are checkpoints of. */
  async images(): Promise<{ machine: string; image: string }[]> {
    const machines = await namesIn(this.#config.directory);
    const found = await Promise.all(
      machines
        .filter((machine) => !machine.startsWith(unfinished))
        .map(async (machine) =>
          (await namesIn(join(this.#config.directory, machine))).map((name) => ({
            machine,
            image: decodeURIComponent(name),
          })),
        ),
    );
    return found.flat();
  }

  /** Removes what the policy no longer keeps. @returns their names */
  async thin(machine: string, image: string): Promise<string[]> {
    const checkpoints = await this.list(machine, image);
    const times = checkpoints.map(({ madeAt }) => madeAt);
    const kept = keptCheckpoints(times, this.#config.keep, this.#clock.now());
    const removed = checkpoints.filter(({ madeAt }) => !kept.has(madeAt));
    for (const { path } of removed) await rm(path);
    return removed.map(({ name }) => name);
  }

  #directoryOf(machine: string, image: string): string {
    // in one name, so that no directory of the machine's can have the name of a checkpoint
    return join(this.#config.directory, machine, encodeURIComponent(imageNames(image).join("/")));
  }
}

async function namesIn(directory: string): Promise<string[]> {
  return readdir(directory).catch((error: unknown) => {
    if (hasErrno(error, "ENOENT")) return [];
    throw error;
  });
}

async function describe(name: string, madeAt: Date, path: string): Promise<Checkpoint> {
  const found = await stat(path);
  return { name, madeAt, path, bytes: found.size, allocatedBytes: allocatedBytes(found) };
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
