/**
 * Everything about a tree, written down by nothing that has a part in backing it up: type, mode, owner, size, time to the
 * nanosecond, link target, content, which names are one file, extended attributes and ACLs.
 */

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, readdir, readlink } from "node:fs/promises";
import { makeExec, mustRead } from "../../../../common/exec.ts";

const { exec } = makeExec();
const deadlineMs = 120_000;
const typeMask = 0o170000n;
const shownDifferences = 20;

/** A line for each thing, sorted. */
export type TreeRecord = readonly string[];

/** Contents by inode, within one file system that nobody writes to: snapshots share their files. */
export type Digests = Map<bigint, string>;

export async function recordTree(root: string, digests: Digests = new Map()): Promise<TreeRecord> {
  const lines: string[] = [];
  const groups = new Map<bigint, string>();
  const visit = async (path: Buffer, name: string): Promise<void> => {
    const stat = await lstat(path, { bigint: true });
    const type = stat.mode & typeMask;
    const isDirectory = type === 0o040000n;
    const isFile = type === 0o100000n;
    const facts = [
      JSON.stringify(name),
      stat.mode.toString(8),
      `${stat.uid}:${stat.gid}`,
      isDirectory ? "-" : `${stat.size}`,
      `${stat.mtimeNs}`,
    ];
    if (type === 0o120000n) facts.push(JSON.stringify((await readlink(path, "buffer")).toString("latin1")));
    if (type === 0o060000n || type === 0o020000n) facts.push(`device ${stat.rdev}`);
    if (isFile) {
      let digest = digests.get(stat.ino);
      if (digest === undefined) {
        digest = await digestOf(path);
        digests.set(stat.ino, digest);
      }
      facts.push(digest);
    }
    if (!isDirectory && stat.nlink > 1n) {
      // links from outside, as from other snapshots, are nobody's business: alone in here it is its own group
      const first = groups.get(stat.ino) ?? name;
      groups.set(stat.ino, first);
      if (first !== name) facts.push(`is ${JSON.stringify(first)}`);
    }
    lines.push(facts.join(" "));
    if (!isDirectory) return;
    const names = await readdir(path, { encoding: "buffer" });
    for (const child of names.toSorted(Buffer.compare)) {
      const below = Buffer.concat([path, Buffer.from("/"), child]);
      await visit(below, `${name}/${child.toString("latin1")}`);
    }
  };
  await visit(Buffer.from(root), ".");
  return [...lines, ...(await attributes(root))].toSorted();
}

/** @returns at most some of what is in one and not in the other, "-" expected, "+" found */
export function differences(expected: TreeRecord, found: TreeRecord): string[] {
  const there = new Set(found);
  const wanted = new Set(expected);
  const all = [
    ...expected.filter((line) => !there.has(line)).map((line) => `- ${line}`),
    ...found.filter((line) => !wanted.has(line)).map((line) => `+ ${line}`),
  ];
  const more = all.length - shownDifferences;
  return more > 0 ? [...all.slice(0, shownDifferences), `and ${more} more`] : all;
}

async function digestOf(path: Buffer): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest("hex");
}

/** ACLs are among them. */
async function attributes(root: string): Promise<string[]> {
  const args = ["--recursive", "--dump", "--no-dereference", "--match=-", "--encoding=hex", "."];
  const printed = await mustRead(exec, { file: "getfattr", args, cwd: root, deadlineMs });
  const blocks = printed.toString("latin1").split("\n\n").filter(Boolean);
  return blocks.map((block) => `xattr ${block.split("\n").join(" ")}`);
}
