/** Where in an image what is in its volume lies: for tests that alter the one, and see what becomes of the other. */

import { execFile } from "node:child_process";
import { open } from "node:fs/promises";
import { promisify } from "node:util";

const run = promisify(execFile);
/** Where the encrypted data begin: LUKS2's default. */
const dataOffset = 16 * 2 ** 20;
const blockBytes = 4096;

/** A run of bytes; `at` counts from the beginning of the image. */
export interface Place {
  readonly at: number;
  readonly bytes: number;
}

interface Chunk {
  readonly logical: number;
  readonly bytes: number;
  /** From the beginning of the device, one for each copy. */
  readonly physical: readonly number[];
}

/** Of a mounted file: its extents as the file system tells them, in order. */
async function extentsOf(path: string): Promise<{ offset: number; at: number; bytes: number; isEncoded: boolean }[]> {
  const { stdout } = await run("filefrag", ["-v", `-b${blockBytes}`, path]);
  return [...stdout.matchAll(/^ *\d+: +(\d+)\.\. *\d+: +(\d+)\.\. *\d+: +(\d+):.*?([a-z_,]*)$/gm)].map(
    ([, offset, at, length, flags]) => ({
      offset: Number(offset) * blockBytes,
      at: Number(at) * blockBytes,
      bytes: Number(length) * blockBytes,
      isEncoded: flags?.includes("encoded") === true,
    }),
  );
}

/** Where a byte of a file lies; of a compressed extent the first block counts for the whole of it. */
export async function placeOf(path: string, offset: number, chunks?: readonly Chunk[]): Promise<number> {
  const extent = (await extentsOf(path)).find((one) => one.offset <= offset && offset < one.offset + one.bytes);
  if (extent === undefined) throw new Error(`${path} has nothing at ${offset}`);
  const within = extent.isEncoded ? (offset - extent.offset) % blockBytes : offset - extent.offset;
  const at = extent.at + within;
  return dataOffset + (chunks === undefined ? at : physical(chunks, at));
}

/** Source: btrfs-inspect-internal(8), dump-tree */
export async function chunksOf(device: string): Promise<Chunk[]> {
  const { stdout } = await dumpTree(device, "chunk");
  const items = stdout.split(/^\titem /m).flatMap((item) => {
    const [, logical] = /^\d+ key \(FIRST_CHUNK_TREE CHUNK_ITEM (\d+)\)/.exec(item) ?? [];
    const [, bytes] = /\n\t\tlength (\d+) /.exec(item) ?? [];
    const stripes = [...item.matchAll(/stripe \d+ devid \d+ offset (\d+)/g)].map(([, offset]) => Number(offset));
    return logical === undefined ? [] : [{ logical: Number(logical), bytes: Number(bytes), physical: stripes }];
  });
  if (items.length === 0) throw new Error(`no chunks in ${stdout}`);
  return items;
}

/** Blocks of metadata that are in use: one of the copies of each. */
export async function metadataOf(device: string, chunks: readonly Chunk[]): Promise<Place[]> {
  const { stdout } = await dumpTree(device, "extent");
  const [, size] =
    /^nodesize\s+(\d+)$/m.exec((await run("btrfs", ["inspect-internal", "dump-super", device])).stdout) ?? [];
  const nodes = [...stdout.matchAll(/^\titem \d+ key \((\d+) METADATA_ITEM /gm)].map(([, logical]) => Number(logical));
  return nodes.map((logical) => ({ at: dataOffset + physical(chunks, logical), bytes: Number(size) }));
}

function dumpTree(device: string, tree: string) {
  return run("btrfs", ["inspect-internal", "dump-tree", "-t", tree, device], { maxBuffer: 64 * 2 ** 20 });
}

function physical(chunks: readonly Chunk[], logical: number): number {
  const chunk = chunks.find((one) => one.logical <= logical && logical < one.logical + one.bytes);
  if (chunk?.physical[0] === undefined) throw new Error(`there is no chunk at ${logical}`);
  return chunk.physical[0] + logical - chunk.logical;
}

export async function flipBit(image: string, at: number, bit: number): Promise<void> {
  const file = await open(image, "r+");
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, at);
  byte[0] = (byte[0] ?? 0) ^ (1 << bit);
  await file.write(byte, 0, 1, at);
  await file.sync();
  await file.close();
}
