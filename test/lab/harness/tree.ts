/** Directory trees for tests: one with everything that a file system can hold, and a way to compare two of them. */

import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { link, mkdir, symlink, truncate, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Names that programs stumble over, as bytes. */
export const oddNames: readonly Buffer[] = [
  Buffer.from("new\nline"),
  Buffer.from("quote\"and'quote"),
  Buffer.from("-rf"),
  Buffer.from(" leading and trailing "),
  Buffer.from("back\\slash \\#012"),
  Buffer.from("$(touch oops);`id`*?["),
  Buffer.concat([Buffer.from("latin1-"), Buffer.from([0xe4, 0xff, 0xfe])]),
  Buffer.from("émoji-🗄"),
  Buffer.from("\u001b[31mred"),
  Buffer.from("x".repeat(255)),
];

function under(directory: string, name: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${directory}/`), name]);
}

/** A file of each odd name, which holds its name, and a directory of one more. */
export async function makeOddTree(root: string): Promise<void> {
  await mkdir(root, { recursive: true });
  for (const name of oddNames) await writeFile(under(root, name), name);
  await mkdir(under(root, Buffer.from([0x64, 0xfe, 0x0a, 0x64])));
}

/** Owners, modes, ACLs, xattrs, hard links, holes, devices, sub-second times, odd names. Needs root. */
export async function makeRichTree(root: string): Promise<void> {
  await mkdir(join(root, "sub", "deep"), { recursive: true });
  await writeFile(join(root, "plain.txt"), "plain\n");
  await writeFile(join(root, "big.bin"), randomBytes(3_000_000));
  await writeFile(join(root, "empty"), "");
  await link(join(root, "plain.txt"), join(root, "sub", "hard-link.txt"));
  await symlink("../plain.txt", join(root, "sub", "link"));
  await symlink("/nowhere/at all", join(root, "dangling"));
  await writeFile(join(root, "holes"), "start");
  await truncate(join(root, "holes"), 8 * 2 ** 20);
  await run("mknod", [join(root, "null-like"), "c", "1", "3"]);
  await run("mknod", [join(root, "block-like"), "b", "7", "200"]);
  await run("mkfifo", [join(root, "fifo")]);
  await writeFile(join(root, "setuid"), "#!/bin/true\n");
  await run("chown", ["1234:5678", join(root, "setuid")]);
  await run("chmod", ["6755", join(root, "setuid")]);
  await run("chmod", ["1700", join(root, "sub", "deep")]);
  await writeFile(join(root, "acl"), "acl");
  await run("setfacl", ["-m", "u:1234:r,g:5678:rw", join(root, "acl")]);
  await writeFile(join(root, "xattr"), "xattr");
  await run("setfattr", ["-n", "user.colour", "-v", "blue", join(root, "xattr")]);
  await run("setfattr", ["-n", "trusted.secret", "-v", "0x00ff10", join(root, "xattr")]);
  await makeOddTree(join(root, "odd"));
  await run("touch", [
    "--no-dereference",
    "--date=2001-02-03T04:05:06.789012345Z",
    join(root, "plain.txt"),
    join(root, "sub", "link"),
  ]);
  await utimes(join(root, "sub"), 1_000_000_000.25, 1_000_000_000.25);
}

/** Many small files, in directories of a hundred. */
export async function makeManyFiles(root: string, count: number, bytes: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const directory = join(root, `d${Math.floor(index / 100)}`);
    if (index % 100 === 0) await mkdir(directory, { recursive: true });
    await writeFile(join(directory, `f${index}`), randomBytes(bytes));
  }
}

/**
 * Everything about a tree as text, from tools that have no part in copying it: type, mode, owner, size, times, link
 * targets and device numbers (find, stat), contents (sha256sum), ACLs and extended attributes (getfacl, getfattr),
 * which names are hard links of one another, and how many blocks the sparse ones take.
 */
export async function fingerprint(root: string): Promise<string> {
  const script = [
    "find . -printf '%y %m %U:%G %s %T@ %n %l %P\\0' | sed -z 's/^d \\([^ ]*\\) \\([^ ]*\\) [0-9]* /d \\1 \\2 - /' | sort -z",
    "find . -type f -print0 | sort -z | xargs -0 sha256sum -z --",
    "find . \\( -type b -o -type c \\) -exec stat -c '%n %t:%T' {} + | sort",
    "getfacl --recursive --numeric --physical . 2>/dev/null",
    "getfattr --recursive --dump --no-dereference --match=- --encoding=hex . 2>/dev/null",
    "find . -type f -links +1 -printf '%i %P\\0' | sort -z | awk -v RS='\\0' '{ if (!($1 in n)) n[$1] = ++c; $1 = n[$1]; print }' | sort",
    "stat -c '%n %b' holes 2>/dev/null | awk '{ print $1, ($2 < 1000 ? \"sparse\" : \"full\") }'",
  ].join("; echo; ");
  const { stdout } = await run("bash", ["-c", script], { cwd: root, encoding: "latin1", maxBuffer: 64 * 2 ** 20 });
  return stdout;
}
