/** The two sets of files: what there is of them, and what changes. */

import { randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeManyFiles } from "../harness/tree.ts";

const smallBytes = 6000;
const perDirectory = 100;
const bigFiles = 4;
const bigBytes = 10 * 2 ** 20;
const blockBytes = 4096;

export interface FileSet {
  readonly name: string;
  /** Relative to the source: one in the middle. */
  readonly one: string;
  readonly make: (source: string) => Promise<void>;
  /** A hundredth of it. */
  readonly change: (source: string) => Promise<void>;
}

/** Every hundredth file is written anew. @param count a multiple of a hundred */
export function manySmall(count: number): FileSet {
  const path = (number: number) => `d${Math.floor(number / perDirectory)}/f${number}`;
  return {
    name: `many small files (${count} of ${smallBytes / 1000} kB)`,
    one: path(Math.floor(count / 2) + 21),
    make: (source) => makeManyFiles(source, count, smallBytes),
    change: async (source) => {
      for (let number = 50; number < count; number += 100) {
        await writeFile(join(source, path(number)), randomBytes(smallBytes));
      }
    },
  };
}

/** In each file a hundredth of its bytes, all in one place, is written over. */
export function fewBig(): FileSet {
  const names = Array.from({ length: bigFiles }, (_, number) => `big-${number}`);
  return {
    name: `a few big files (${bigFiles} of ${(bigBytes / 1e6).toFixed(0)} MB)`,
    one: names[1] ?? "",
    make: async (source) => {
      await mkdir(source, { recursive: true });
      for (const name of names) await writeFile(join(source, name), randomBytes(bigBytes));
    },
    change: async (source) => {
      for (const name of names) {
        const file: FileHandle = await open(join(source, name), "r+");
        try {
          const blocks = bigBytes / blockBytes;
          const from = Math.floor(Math.random() * blocks * 0.98) * blockBytes;
          await file.write(randomBytes(Math.floor(blocks / 100) * blockBytes), 0, undefined, from);
        } finally {
          await file.close();
        }
      }
    },
  };
}

/** An empty directory. */
export async function emptied(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
}
