/**
 * A volume opened without luksmith, with its image left as it is: what a repair would write, and the journal's replay is such
 * a thing, goes into memory. As docs/restore-by-hand.md has it otherwise.
 */

import { existsSync } from "node:fs";
import { mkdir, rm, rmdir, truncate, writeFile } from "node:fs/promises";
import { makeExec, mustRead, mustRun } from "../../../../common/exec.ts";
import { UndoStack } from "../../../../common/undo.ts";

const { exec } = makeExec();
const deadlineMs = 120_000;
const mapping = "soak-plain";
const overlay = "soak-overlay";
const overlayFile = "/dev/shm/soak-overlay";
const overlayBytes = 512 * 2 ** 20;
/** In sectors: what the overlay keeps at once. */
const chunk = 8;
const mountPoint = "/run/soak-volume";

export class OpenedImage implements AsyncDisposable {
  readonly directory = mountPoint;
  readonly #undo: UndoStack;

  /** @throws when it cannot be opened, when its repair is more than a journal's, and when it then is not sound */
  static async open(image: string, keyFile: string): Promise<OpenedImage> {
    const undo = new UndoStack();
    try {
      await run("modprobe", "dm-snapshot");
      // by a loop device of ours: what cryptsetup reads past the page cache, 9p cannot give
      const imageLoop = (await read("losetup", "--find", "--show", "--read-only", image)).trim();
      undo.add("release the image's loop device", () => run("losetup", "--detach", imageLoop));
      await run("cryptsetup", "open", "--type", "luks2", "--readonly", "--key-file", keyFile, imageLoop, mapping);
      undo.add("close the mapping", () => run("cryptsetup", "close", mapping));
      const plain = `/dev/mapper/${mapping}`;
      await writeFile(overlayFile, "");
      await truncate(overlayFile, overlayBytes);
      undo.add("remove the overlay's file", () => rm(overlayFile));
      const loop = (await read("losetup", "--find", "--show", overlayFile)).trim();
      undo.add("release the overlay's loop device", () => run("losetup", "--detach", loop));
      const sectors = (await read("blockdev", "--getsz", plain)).trim();
      const table = `0 ${sectors} snapshot ${plain} ${loop} N ${chunk}`;
      await run("dmsetup", "create", overlay, "--table", table);
      undo.add("remove the overlay", () => run("dmsetup", "remove", "--retry", overlay));
      // where there is no udev, nobody makes the name in /dev/mapper
      const info = ["info", "--columns", "--noheadings", "--options", "blkdevname", overlay];
      const device = `/dev/${(await read("dmsetup", ...info)).trim()}`;
      const type = (await read("blkid", "--probe", "--match-tag", "TYPE", "--output", "value", device)).trim();
      if (type === "btrfs") {
        await run("btrfs", "check", "--readonly", device);
        // of the same file system the kernel may know another device by now, once it knows of any
        if (existsSync("/dev/btrfs-control")) await run("btrfs", "device", "scan", "--forget");
      } else {
        await repair(device);
        await run("e2fsck", "-f", "-n", device);
      }
      await mkdir(mountPoint, { recursive: true });
      undo.add("remove the mount point", () => rmdir(mountPoint));
      await run("mount", "-o", "ro,nosuid,nodev,nosymfollow", device, mountPoint);
      undo.add("unmount it", () => run("umount", mountPoint));
    } catch (error) {
      await undo.unwind().catch(() => undefined);
      throw error;
    }
    return new OpenedImage(undo);
  }

  private constructor(undo: UndoStack) {
    this.#undo = undo;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#undo.unwind();
  }
}

/** Source: e2fsck(8): 1 is "errors corrected", the journal's replay among them. */
async function repair(device: string): Promise<void> {
  const { exitCode, stdout, stderr } = await exec({ file: "e2fsck", args: ["-p", device], deadlineMs });
  if (exitCode > 1) throw new Error(`e2fsck -p ended with ${exitCode}: ${stdout}${stderr}`);
}

async function run(file: string, ...args: string[]): Promise<void> {
  await mustRun(exec, { file, args, deadlineMs });
}

async function read(file: string, ...args: string[]): Promise<string> {
  return (await mustRead(exec, { file, args, deadlineMs })).toString();
}
