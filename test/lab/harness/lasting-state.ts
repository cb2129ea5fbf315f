/**
 * Directories of the guest that are on the machine's disk, and so are there again after a power cut, as far as they had
 * been written out. For use in the guest alone, as root.
 */

import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { makeExec, mustRun } from "../../../common/exec.ts";
import { UndoStack } from "../../../common/undo.ts";

const { exec } = makeExec();
const deadlineMs = 60_000;
const device = "/dev/vda";
const mountPoint = "/run/lasting-state";

export class LastingState implements AsyncDisposable {
  readonly #undo: UndoStack;

  /** The first machine finds these directories empty, the next ones as the one before has left them. */
  static async mount(directories: readonly string[]): Promise<LastingState> {
    await run("modprobe", "virtio_blk");
    if (!existsSync(device)) throw new Error("this machine was given no disk");
    if (await isEmpty()) await run("mkfs.ext4", "-q", device);
    const undo = new UndoStack();
    try {
      await mountOn(mountPoint, undo, "-t", "ext4", device);
      for (const directory of directories) {
        const kept = join(mountPoint, directory);
        await mkdir(kept, { recursive: true });
        await mountOn(directory, undo, "--bind", kept);
      }
    } catch (error) {
      await undo.unwind();
      throw error;
    }
    return new LastingState(undo);
  }

  private constructor(undo: UndoStack) {
    this.#undo = undo;
  }

  /** All that was written so far is on the disk: what a real machine had for long when its power goes. */
  async settle(): Promise<void> {
    await run("sync", "--file-system", mountPoint);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#undo.unwind();
  }
}

/** Source: blkid(8): exit code 2 when there is nothing that it knows. */
async function isEmpty(): Promise<boolean> {
  return (await exec({ file: "blkid", args: ["--probe", device], deadlineMs })).exitCode === 2;
}

async function mountOn(directory: string, undo: UndoStack, ...args: string[]): Promise<void> {
  await mkdir(directory, { recursive: true });
  await run("mount", ...args, directory);
  undo.add(`unmount ${directory}`, () => run("umount", directory));
}

async function run(file: string, ...args: string[]): Promise<void> {
  await mustRun(exec, { file, args, deadlineMs });
}
