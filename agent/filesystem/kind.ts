/** What luksmith asks of a file system in a volume, whichever it is. */

import type { Command, Exec } from "../../common/exec.ts";
import type { Suitability, Superblock } from "../tools/filesystem.ts";
import type { TrimRange } from "../tools/fstrim.ts";
import { btrfs } from "./btrfs.ts";
import { ext4 } from "./ext4.ts";

export const filesystemTypes = ["ext4", "btrfs"] as const;
export type FilesystemType = (typeof filesystemTypes)[number];

/** In blocks. */
interface Mended {
  readonly mended: number;
  /** Damaged, and without a copy. */
  readonly left: number;
}

export interface FilesystemKind {
  /** Of the image; below that it cannot be made, or is of no use. */
  readonly leastImageBytes: number;
  /** Of the file system: the kernel gives it no other size that is smaller; 0: any that its content fits into. */
  readonly leastResizedBytes: number;
  /** @param bytes of the device, whose image reads as zeros @returns the file system's UUID */
  make(exec: Exec, device: string, bytes: number, signal: AbortSignal): Promise<string>;
  /** @returns undefined when there is no such file system; reads nothing else @throws {LuksmithError} "tool_failed" */
  readSuperblock(exec: Exec, device: string, signal: AbortSignal): Promise<Superblock | undefined>;
  /** Of one that somebody else has made; reads the superblock alone. */
  suitability(exec: Exec, device: string, signal: AbortSignal): Promise<Suitability>;
  /** Whether a mount has to write down what the journal holds before anything else writes to the file system. */
  hasJournalToReplay(exec: Exec, device: string, signal: AbortSignal): Promise<boolean>;
  /**
   * Puts right before a mount what an end without an unmount has left, where the mount itself does not.
   * @throws {FilesystemError} when that is not to be done without asking
   */
  recover(exec: Exec, device: string, signal: AbortSignal): Promise<void>;
  /** Changes nothing. @throws {FilesystemError} for what is wrong with it */
  look(exec: Exec, device: string, signal: AbortSignal): Promise<void>;
  /** Mends whatever can be mended. @returns whether it was in order from the start @throws {FilesystemError} */
  repair(exec: Exec, device: string, signal: AbortSignal): Promise<boolean>;
  /** Of the device, in bytes, that what is in it could be moved together on; an estimate. Mounted. */
  leastBytes(exec: Exec, device: string, filesDir: string, signal: AbortSignal): Promise<number>;
  /** Writes anew, from another copy, what of it has one and is damaged; mounted for writing. Of a file system that has copies. */
  readonly mend?: (exec: Exec, filesDir: string, signal: AbortSignal) => Promise<Mended>;
  /** To the size of its device; mounted. Of the same size already: nothing is done. */
  grow(exec: Exec, device: string, filesDir: string, signal: AbortSignal): Promise<void>;
  /**
   * What the tree at `path` of a snapshot takes, and what of it nothing else has. Undefined, or not there, where snapshots share
   * inodes: whoever asks counts those.
   */
  useOfTree?(
    exec: Exec,
    tree: { readonly cwd: string; readonly path: Buffer; readonly as: Command["as"] },
    signal: AbortSignal,
  ): Promise<{ readonly bytes: number; readonly ownBytes: number } | undefined>;
  /** Of the file system, whatever its device has. */
  bytes(exec: Exec, device: string, signal: AbortSignal): Promise<number>;
  /** It is made smaller while it is mounted, in transactions: what breaks that off leaves it as it was, or done. */
  readonly shrinksMounted: boolean;
  /**
   * To so many bytes. Where it is not to be mounted for that, it has been checked before, and what breaks it off may leave it
   * damaged.
   */
  shrink(exec: Exec, spec: { device: string; filesDir: string; bytes: number }, signal: AbortSignal): Promise<void>;
  /**
   * What keeps one snapshot's unchanged files together with the next one's: hard links between directories, or that each is a
   * subvolume made of the one before.
   */
  readonly snapshots: "links" | "subvolumes";
  /** A snapshot, or what is left of one; its room is free when this returns. Mounted for writing. */
  remove(exec: Exec, path: string, signal: AbortSignal): Promise<void>;
  /** All that was removed counts as free, and is so on disk. Mounted for writing. */
  settle(exec: Exec, filesDir: string, signal: AbortSignal): Promise<void>;
  /** For mount(8). `asItIs`: a journal is not replayed. */
  readonly mountOptions: Readonly<Record<"always" | "write" | "asItIs", readonly string[]>>;
  /** Of a device: in which pieces it is trimmed, between which a run can be cancelled and says how far it is. Pure. */
  trimRanges(bytes: number): readonly TrimRange[];
}

export const filesystemKinds: Readonly<Record<FilesystemType, FilesystemKind>> = { ext4, btrfs };
