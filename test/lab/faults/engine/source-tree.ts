/** A source, and what its users do to it between two backups. What is done depends on the random source and the tree alone. */

import {
  appendFile,
  chmod,
  chown,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  rename,
  rm,
  symlink,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import { makeExec, mustRun } from "../../../../common/exec.ts";
import { makeOddTree } from "../../harness/tree.ts";
import type { RandomSource } from "./random-source.ts";

const { exec } = makeExec();
const deadlineMs = 60_000;
const smallFiles = 30;
const largeFiles = 2;
const sparseFiles = 2;
const directories = ["d0", "d1", "d1/e", "d2"] as const;
/** What one source may take, so that its volume holds a few of its snapshots. */
const mostFiles = 70;
const mostBytes = 9_000_000;

export function sourceOf(job: string): string {
  return `/srv/soak/${job}`;
}

export async function makeSource(root: string, random: RandomSource): Promise<void> {
  for (const directory of directories) await mkdir(join(root, directory), { recursive: true });
  for (let index = 0; index < smallFiles; index += 1) await addSmall(root, random);
  for (let index = 0; index < largeFiles; index += 1) await addLarge(root, random);
  for (let index = 0; index < sparseFiles; index += 1) await addSparse(root, random);
  await addHardLink(root, random);
  await addSymlink(root, random);
  await setAttribute(root, random);
  await makeOddTree(join(root, "odd"));
}

type Change = (root: string, random: RandomSource) => Promise<void>;

export async function changeSource(root: string, random: RandomSource, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const { files, bytes } = await extent(root);
    if (files > mostFiles || bytes > mostBytes) {
      await removeLargest(root);
      continue;
    }
    const change = random.weighted<Change>([
      [4, addSmall],
      [3, addLarge],
      [3, addSparse],
      [3, remove],
      [4, rewrite],
      [4, grow],
      [2, touch],
      [2, renameFile],
      [2, addHardLink],
      [2, addSymlink],
      [2, changeMode],
      [1, changeOwner],
      [2, setAttribute],
      [1, addDirectory],
      [2, punch],
      [1, cutShort],
    ]);
    await change(root, random);
  }
}

/** Regular files, in an order that does not depend on the file system; odd names are left as they are. */
async function filesOf(root: string): Promise<string[]> {
  const found = await Promise.all(
    directories.map(async (directory) => {
      const entries = await readdir(join(root, directory), { withFileTypes: true });
      return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    }),
  );
  return found.flat().toSorted();
}

async function someFile(root: string, random: RandomSource): Promise<string | undefined> {
  const files = await filesOf(root);
  return files[random.whole(0, Math.max(0, files.length - 1))];
}

async function extent(root: string): Promise<{ files: number; bytes: number }> {
  const stats = await Promise.all((await filesOf(root)).map((file) => lstat(file)));
  return { files: stats.length, bytes: stats.reduce((sum, { blocks }) => sum + blocks * 512, 0) };
}

async function removeLargest(root: string): Promise<void> {
  const files = await filesOf(root);
  const sized = await Promise.all(files.map(async (file) => ({ file, blocks: (await lstat(file)).blocks })));
  const [largest] = sized.toSorted((a, b) => b.blocks - a.blocks || a.file.localeCompare(b.file));
  if (largest) await rm(largest.file);
}

function newPath(root: string, random: RandomSource, kind: string): string {
  return join(root, random.pick(directories), `${kind}-${random.bytes(4).toString("hex")}`);
}

async function place(path: string, content: Buffer): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}

async function addSmall(root: string, random: RandomSource): Promise<void> {
  await place(newPath(root, random, "small"), random.bytes(random.whole(0, 20_000)));
}

async function addLarge(root: string, random: RandomSource): Promise<void> {
  await place(newPath(root, random, "large"), random.bytes(random.whole(1_000_000, 2_500_000)));
}

/** Holes in the middle and, mostly, at the end. */
async function addSparse(root: string, random: RandomSource): Promise<void> {
  const path = newPath(root, random, "sparse");
  await place(path, Buffer.alloc(0));
  const file = await open(path, "r+");
  try {
    let at = random.chance(0.5) ? 0 : random.whole(1, 500_000);
    for (let part = random.whole(0, 3); part > 0; part -= 1) {
      const piece = random.bytes(random.whole(1, 400_000));
      await file.write(piece, 0, piece.length, at);
      at += piece.length + random.whole(100_000, 2_000_000);
    }
    if (random.chance(0.75)) await file.truncate(at);
  } finally {
    await file.close();
  }
}

async function addDirectory(root: string, random: RandomSource): Promise<void> {
  await mkdir(newPath(root, random, "directory"), { recursive: true });
}

async function remove(root: string, random: RandomSource): Promise<void> {
  const file = await someFile(root, random);
  if (file) await rm(file);
}

/** Half of them are as large as before. */
async function rewrite(root: string, random: RandomSource): Promise<void> {
  const file = await someFile(root, random);
  if (file === undefined) return;
  const { size } = await lstat(file);
  await writeFile(file, random.bytes(random.chance(0.5) ? Math.min(size, 2_500_000) : random.whole(0, 1_500_000)));
}

async function grow(root: string, random: RandomSource): Promise<void> {
  const file = await someFile(root, random);
  if (file) await appendFile(file, random.bytes(random.whole(1, 800_000)));
}

async function touch(root: string, random: RandomSource): Promise<void> {
  const file = await someFile(root, random);
  const time = 1_000_000_000 + random.whole(0, 600_000_000) + random.fraction();
  if (file) await utimes(file, time, time);
}

async function renameFile(root: string, random: RandomSource): Promise<void> {
  const file = await someFile(root, random);
  if (file === undefined) return;
  const to = newPath(root, random, "renamed");
  await mkdir(dirname(to), { recursive: true });
  await rename(file, to);
}

async function addHardLink(root: string, random: RandomSource): Promise<void> {
  const file = await someFile(root, random);
  if (file === undefined) return;
  const to = newPath(root, random, "link");
  await mkdir(dirname(to), { recursive: true });
  await link(file, to);
}

async function addSymlink(root: string, random: RandomSource): Promise<void> {
  const path = newPath(root, random, "symlink");
  await mkdir(dirname(path), { recursive: true });
  await symlink(random.pick(["../nowhere", "/etc/passwd", "d0", "x".repeat(300)]), path);
}

async function changeMode(root: string, random: RandomSource): Promise<void> {
  const file = await someFile(root, random);
  if (file) await chmod(file, random.pick([0o600, 0o644, 0o755, 0o4711, 0o000, 0o1777]));
}

async function changeOwner(root: string, random: RandomSource): Promise<void> {
  const file = await someFile(root, random);
  if (file) await chown(file, random.whole(0, 5000), random.whole(0, 5000));
}

async function setAttribute(root: string, random: RandomSource): Promise<void> {
  const file = await someFile(root, random);
  if (file === undefined) return;
  const value = random.bytes(random.whole(1, 60)).toString("hex");
  await mustRun(exec, {
    file: "setfattr",
    args: ["--name=user.note", `--value=0x${value}`, "--", file],
    deadlineMs,
  });
}

/** A hole where there was data, with another time. */
async function punch(root: string, random: RandomSource): Promise<void> {
  const file = await someFile(root, random);
  if (file === undefined) return;
  const { size } = await lstat(file);
  const at = random.whole(0, size);
  const hole = ["--punch-hole", "--offset", `${at}`, "--length", `${random.whole(4096, 1_000_000)}`];
  await mustRun(exec, { file: "fallocate", args: [...hole, file], deadlineMs });
}

async function cutShort(root: string, random: RandomSource): Promise<void> {
  const file = await someFile(root, random);
  if (file === undefined) return;
  const { size } = await lstat(file);
  await truncate(file, random.whole(0, size));
}
