/** btrfs: checksums of everything; nothing is written over, so that a break leaves what was there before; snapshots are subvolumes. */

import { dirname } from "node:path";
import { LuksmithError } from "../../common/errors.ts";
import {
  btrfsBytes,
  checkBtrfs,
  growBtrfs,
  leastBtrfsBytes,
  leastResizedBtrfsBytes,
  makeBtrfs,
  readBtrfsSuperblock,
  recoverBtrfsSuperblocks,
  shrinkBtrfs,
  treeUse,
} from "../tools/btrfs.ts";
import { scrub } from "../tools/btrfs-scrub.ts";
import { awaitRemovals, deleteSubvolume, subvolumesAmong } from "../tools/btrfs-subvolume.ts";
import { FilesystemError } from "../tools/filesystem.ts";
import { removeTree } from "../tools/remove-tree.ts";
import { syncFilesystem } from "../tools/sync.ts";
import type { FilesystemKind } from "./kind.ts";

export const btrfs: FilesystemKind = {
  // two copies of metadata, each in pieces of some size
  leastImageBytes: 256 * 2 ** 20,
  leastResizedBytes: leastResizedBtrfsBytes,
  make: async (exec, device, _bytes, signal) => {
    await makeBtrfs(exec, device, signal);
    const superblock = await readBtrfsSuperblock(exec, device, signal);
    if (superblock === undefined) throw new LuksmithError("tool_failed", "mkfs.btrfs has made no file system");
    return superblock.uuid;
  },
  readSuperblock: readBtrfsSuperblock,
  suitability: async () => ({ fault: undefined, warning: undefined, writtenAt: undefined }),
  // the mount replays its log, and nothing is mended before
  hasJournalToReplay: async () => false,
  recover: async () => undefined,
  look: checkBtrfs,
  repair: async (exec, device, signal) => {
    const hadGoodSuperblocks = await recoverBtrfsSuperblocks(exec, device, signal);
    try {
      await checkBtrfs(exec, device, signal);
      return hadGoodSuperblocks;
    } catch (error) {
      if (!(error instanceof FilesystemError)) throw error;
      // btrfs-check(8): "Do not use --repair unless you are advised to do so by a developer or an experienced user"
      throw new FilesystemError("tool_failed", `${error.message}; btrfs check --repair may make that worse`, {
        hint: "copy the image on the backup host; read what can be read by hand (mount -o ro,rescue=usebackuproot, then ro,rescue=all); begin a new volume",
        cause: error,
      });
    }
  },
  leastBytes: (exec, _device, filesDir, signal) => leastBtrfsBytes(exec, filesDir, signal),
  mend: async (exec, filesDir, signal) => {
    const { mended, wrong, unreadable } = await scrub(exec, filesDir, { mends: true }, signal);
    return { mended, left: Math.max(0, wrong + unreadable - mended) };
  },
  grow: growBtrfs,
  // snapshots that are subvolumes share extents; those that are directories of one share inodes
  useOfTree: async (exec, tree, signal) =>
    (await subvolumesAmong(exec, [tree.cwd], signal)).has(tree.cwd) ? treeUse(exec, tree, signal) : undefined,
  bytes: btrfsBytes,
  shrinksMounted: true,
  shrink: (exec, { filesDir, bytes }, signal) => shrinkBtrfs(exec, filesDir, bytes, signal),
  snapshots: "subvolumes",
  remove: async (exec, path, signal) => {
    // an earlier version's are directories
    if (!(await subvolumesAmong(exec, [path], signal)).has(path)) return removeTree(exec, path, signal);
    await deleteSubvolume(exec, path, signal);
    await awaitRemovals(exec, dirname(path), signal);
  },
  settle: async (exec, filesDir, signal) => {
    await syncFilesystem(exec, filesDir, signal);
    await awaitRemovals(exec, filesDir, signal);
  },
  mountOptions: {
    // from Linux 6.2 on it would discard by itself, whenever a device takes it: btrfs(5)
    always: ["nodiscard"],
    // what a break costs, in seconds, as with ext4. By default it would be thirty: much of what a slow link brings between two breaks
    write: ["commit=5"],
    asItIs: ["rescue=nologreplay"],
  },
  // of a range it knows by its own, logical addresses, and what is in no block group it trims whatever the range: fs/btrfs/extent-tree.c
  trimRanges: () => [{ offset: 0, length: Number.MAX_SAFE_INTEGER }],
};
