/**
 * Debian's archive for a machine without a network: it has one package, put together again from what is installed, which is then
 * taken off, so that apt-get has something to install. Source: dpkg-query(1), deb(5), sources.list(5).
 */

import { createHash } from "node:crypto";
import { copyFile, mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { makeExec, mustRead } from "../../../common/exec.ts";

const { exec } = makeExec();
const deadlineMs = 300_000;
const root = "/run/package-archive";
const sources = "/etc/apt/sources.list.d";
const aside = `${sources}.aside`;
const dpkgInfo = "/var/lib/dpkg/info";

async function run(file: string, ...args: string[]): Promise<string> {
  return (await mustRead(exec, { file, args, env: { DEBIAN_FRONTEND: "noninteractive" }, deadlineMs })).toString();
}

export class PackageArchive implements AsyncDisposable {
  readonly #name: string;

  private constructor(name: string) {
    this.#name = name;
  }

  /** @param name of an installed package, which is purged; other packages must do without it */
  static async withoutPackage(name: string): Promise<PackageArchive> {
    const tree = join(root, "tree");
    await mkdir(join(tree, "DEBIAN"), { recursive: true });
    for (const path of (await run("dpkg-query", "--listfiles", name)).split("\n").filter(Boolean)) {
      // packages list /bin, which is a link to a directory
      const found = await stat(path).catch(() => undefined);
      if (found === undefined || found.isDirectory()) continue;
      await mkdir(join(tree, dirname(path)), { recursive: true });
      await run("cp", "--archive", path, join(tree, path));
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
    const made = new PackageArchive(name);
    try {
      await rename(sources, aside);
      await run("dpkg", "--purge", name);
      await mkdir(sources);
      await writeFile(join(sources, "archive.list"), `deb [trusted=yes] file:${root} ./\n`);
      await run("apt-get", "update", "--quiet");
      return made;
    } catch (error) {
      await made[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** With the package, as before. */
  async [Symbol.asyncDispose](): Promise<void> {
    await run("dpkg", "--install", join(root, `${this.#name}.deb`));
    await rm(sources, { recursive: true, force: true });
    await rename(aside, sources);
    await rm(root, { recursive: true });
  }
}

/** Of a stanza of deb822(5): a field, and the lines that continue it. */
function withoutField(stanza: string, field: string): string {
  return stanza.replace(new RegExp(`^${field}:.*\n(?: .*\n)*`, "m"), "");
}
