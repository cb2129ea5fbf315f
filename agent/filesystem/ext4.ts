/** ext4: snapshots share what has not changed by hard links; e2fsck mends it. */

import { randomUUID } from "node:crypto";
import {
  checkExt4,
  ext4Bytes,
  ext4Suitability,
  growExt4,
  hasJournalToReplay,
  leastExt4Bytes,
  makeExt4,
  readSuperblock,
  shrinkExt4,
} from "../tools/ext4.ts";
import type { TrimRange } from "../tools/fstrim.ts";
import { removeTree } from "../tools/remove-tree.ts";
import { syncFilesystem } from "../tools/sync.ts";
import type { FilesystemKind } from "./kind.ts";

/** Inodes are read in such pieces (blocks of 4 KiB): across a wire, one large piece costs what a small one does. */
const inodeReadaheadBlocks = 256;
/** It holds a group of blocks at a time; smaller ranges than that would only be more programs to start. */
const leastTrimBytes = 2 ** 30;
const mostTrimRanges = 64;

export const ext4: FilesystemKind = {
  // the LUKS2 header takes 16 MiB of it, and the journal wants some room
  leastImageBytes: 64 * 2 ** 20,
  leastResizedBytes: 0,
  make: async (exec, device, bytes, signal) => {
    const uuid = randomUUID();
    await makeExt4(exec, device, bytes, uuid, signal);
    return uuid;
  },
  readSuperblock,
  suitability: ext4Suitability,
  /**
   * e2fsck(8) would replay it as well, but empties the journal whatever becomes of its writes (recover_ext3_journal in
   * e2fsck/journal.c), and takes what has not arrived for damage: on a full backup host `e2fsck -p` removes what had been synced.
   * The kernel leaves in the journal what it could not write (jbd2_journal_load in fs/jbd2/journal.c: JBD2_ABORT stays set).
   */
  hasJournalToReplay,
  recover: async (exec, device, signal) => {
    await checkExt4(exec, device, "preen", signal);
  },
  look: async (exec, device, signal) => {
    await checkExt4(exec, device, "look", signal);
  },
  repair: (exec, device, signal) => checkExt4(exec, device, "repair", signal),
  leastBytes: (exec, device, _filesDir, signal) => leastExt4Bytes(exec, device, signal),
  grow: (exec, device, _filesDir, signal) => growExt4(exec, device, signal),
  bytes: ext4Bytes,
  shrinksMounted: false,
  shrink: (exec, { device, bytes }, signal) => shrinkExt4(exec, device, bytes, signal),
  snapshots: "links",
  remove: removeTree,
  settle: syncFilesystem,
  mountOptions: {
    always: ["errors=remount-ro", `inode_readahead_blks=${inodeReadaheadBlocks}`],
    /**
     * After a break no file is longer than what of it has arrived: with unwritten extents, which are ext4's default, the size may
     * come first, and the rest would read as zeros; and data that the host did not take are an error, not a warning. Source:
     * Documentation/admin-guide/ext4.rst, "dioread_lock", "data=ordered", "data_err"
     */
    write: ["data=ordered", "data_err=abort", "dioread_lock"],
    asItIs: ["noload"],
  },
  trimRanges: (bytes): TrimRange[] => {
    const length = Math.max(leastTrimBytes, Math.ceil(bytes / mostTrimRanges / leastTrimBytes) * leastTrimBytes);
    return Array.from({ length: Math.ceil(bytes / length) }, (_, index) => ({ offset: index * length, length }));
  },
};
