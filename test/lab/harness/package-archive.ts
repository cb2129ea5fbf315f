/**
 * Debian's archive for a machine without a network: it has one package, put together again from what is installed, which is then
 * taken off, so that apt-get has something to install. Source: dpkg-query(1), deb(5), sources.list(5).
 */

import { createHash } from "node:crypto";
import { copyFile, lstat, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { makeExec, mustRead } from "../../../common/exec.ts";
import { UndoStack } from "../../../common/undo.ts";

const { exec } = makeExec();
const deadlineMs = 300_000;
const root = "/run/package-archive";
const settings = "/etc/apt/apt.conf.d/zz-package-archive";
const dpkgInfo = "/var/lib/dpkg/info";

async function run(file: string, ...args: string[]): Promise<string> {
  return (await mustRead(exec, { file, args, env: { DEBIAN_FRONTEND: "noninteractive" }, deadlineMs })).toString();
}

/** The machine's own sources come back, and the package with them, when it is disposed of. */
export class PackageArchive implements AsyncDisposable {
  readonly #undo: UndoStack;

  private constructor(undo: UndoStack) {
    this.#undo = undo;
  }

  /** @param name of an installed package, which is purged; other packages must do without it */
  static async withoutPackage(name: string): Promise<PackageArchive> {
    const undo = new UndoStack();
    try {
      undo.add("remove the archive", () => rm(root, { recursive: true, force: true }));
      const archive = await putTogether(name);
      await useInstead(undo);
      undo.add("install the package", async () => void (await run("dpkg", "--install", archive)));
      await run("dpkg", "--purge", name);
      await run("apt-get", "update", "--quiet");
      return new PackageArchive(undo);
    } catch (error) {
      // what cannot be taken back must not hide why
      await undo.unwind().catch((left: unknown) => console.error(left));
      throw error;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#undo.unwind();
  }
}

/** With the index that apt-get asks for. @returns the package's file */
async function putTogether(name: string): Promise<string> {
  const tree = join(root, "tree");
  await mkdir(join(tree, "DEBIAN"), { recursive: true });
  for (const path of (await run("dpkg-query", "--listfiles", name)).split("\n").filter(Boolean)) {
    const found = await stat(path).catch(() => undefined);
    if (found === undefined) continue;
    // packages list /bin, which is a link to a directory
    const isLink = (await lstat(path)).isSymbolicLink();
    await mkdir(join(tree, found.isDirectory() && !isLink ? path : dirname(path)), { recursive: true });
    if (!found.isDirectory()) await run("cp", "--archive", path, join(tree, path));
  }
  for (const file of (await readdir(dpkgInfo)).filter((file) => file.startsWith(`${name}.`))) {
    const part = file.slice(name.length + 1);
    if (part !== "list" && part !== "md5sums") await copyFile(join(dpkgInfo, file), join(tree, "DEBIAN", part));
  }
  const status = await run("dpkg-query", "--status", name);
  const control = withoutField(withoutField(status, "Status"), "Conffiles");
  await writeFile(join(tree, "DEBIAN/control"), control);
  const archive = join(root, `${name}.deb`);
  await run("dpkg-deb", "--build", "-Znone", tree, archive);
  const sha256 = createHash("sha256")
    .update(await readFile(archive))
    .digest("hex");
  const { size } = await stat(archive);
  const index = `${control.trimEnd()}\nFilename: ./${name}.deb\nSize: ${size}\nSHA256: ${sha256}\n`;
  await writeFile(join(root, "Packages"), index);
  return archive;
}

/** The archive is all that apt-get knows: apt.conf(5), "Dir". */
async function useInstead(undo: UndoStack): Promise<void> {
  undo.add("forget the archive", () => rm(settings, { force: true }));
  const list = join(root, "sources.list");
  await writeFile(list, `deb [trusted=yes] file:${root} ./\n`);
  await writeFile(settings, `Dir::Etc::SourceList "${list}";\nDir::Etc::SourceParts "/dev/null";\n`);
}

/** Of a stanza of deb822(5): a field, and the lines that continue it. */
function withoutField(stanza: string, field: string): string {
  return stanza.replace(new RegExp(`^${field}:.*\n(?: .*\n)*`, "m"), "");
}
