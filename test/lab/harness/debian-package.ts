/** Files out of Debian packages, without installing the packages. */

import { mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { hasErrno, LuksmithError } from "../../../common/errors.ts";
import { type Exec, mustRead, mustRun } from "../../../common/exec.ts";

/** A download may be slow, but not for ever. */
const downloadDeadlineMs = 10 * 60_000;
const unpackDeadlineMs = 2 * 60_000;

/**
 * The version-independent name `name` stands for: linux-image-amd64 depends on linux-image-6.1.0-9-amd64.
 * Source: apt-cache(8), deb-control(5).
 * @throws {LuksmithError} "tool_failed" when apt does not know the package
 */
export async function firstDependency(exec: Exec, name: string): Promise<string> {
  const said = await mustRead(exec, {
    file: "apt-cache",
    args: ["show", "--no-all-versions", name],
    deadlineMs: unpackDeadlineMs,
  }).catch((cause: unknown) => {
    throw new LuksmithError("tool_failed", `apt does not know the package ${name}`, { hint: "apt-get update", cause });
  });
  const dependency = /^Depends: *([^ ,|(\n]+)/m.exec(said.toString())?.[1];
  if (dependency === undefined) throw new LuksmithError("tool_failed", `package ${name} depends on nothing`);
  return dependency;
}

/**
 * Downloads package `name` and unpacks it; `finish` may change the tree before it appears as `directory`, which it
 * does in one step, so that an interrupted or a second, simultaneous fetch leaves nothing half done.
 * Source: apt-get(8), dpkg-deb(1).
 * @throws {LuksmithError} "tool_failed"
 */
export async function fetchPackage(
  exec: Exec,
  name: string,
  directory: string,
  finish: (tree: string) => Promise<void> = async () => undefined,
): Promise<void> {
  const parent = join(directory, "..");
  await mkdir(parent, { recursive: true });
  const work = await mkdtemp(join(parent, ".fetch-"));
  try {
    await mustRun(exec, {
      file: "apt-get",
      // as root, apt would want to download as the user _apt, who may not write here
      args: ["download", "-q", "-o", "APT::Sandbox::User=root", name],
      cwd: work,
      deadlineMs: downloadDeadlineMs,
    });
    const archive = (await readdir(work)).find((file) => file.endsWith(".deb"));
    if (archive === undefined) throw new LuksmithError("tool_failed", `apt-get download ${name} left no file`);
    const tree = join(work, "tree");
    await mustRun(exec, {
      file: "dpkg-deb",
      args: ["--extract", join(work, archive), tree],
      deadlineMs: unpackDeadlineMs,
    });
    await finish(tree);
    await rename(tree, directory).catch((error: unknown) => {
      if (!hasErrno(error, "ENOTEMPTY", "EEXIST")) throw error; // somebody else was faster, which is as good
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
