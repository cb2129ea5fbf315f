/** The programs that luksmith works through, and the versions it needs of them. */

import type { Exec } from "../../common/exec.ts";
import type { Finding } from "../../proto/gen/luksmith/v1/agent.ts";
import type { FilesystemType } from "../filesystem/kind.ts";
import { ok, problem, warning } from "./finding.ts";
import { compareVersions, findVersion } from "./tool-version.ts";

const versionDeadlineMs = 10_000;

interface Tool {
  readonly file: string;
  readonly args: readonly string[];
  /** Debian's name for what brings it. */
  readonly debianPackage: string;
  /** The oldest that will do, and why. */
  readonly atLeast?: { readonly version: string; readonly because: string };
}

const versionFlag = ["--version"];

const tools: readonly Tool[] = [
  {
    file: "sshfs",
    args: versionFlag,
    debianPackage: "sshfs",
    atLeast: { version: "3.7.0", because: "it needs FUSE 3" },
  },
  {
    file: "ssh",
    args: ["-V"],
    debianPackage: "openssh-client",
    atLeast: { version: "8.5", because: "`Ciphers ^...` in its configuration" },
  },
  { file: "ssh-keyscan", args: ["-?"], debianPackage: "openssh-client" },
  { file: "fusermount3", args: versionFlag, debianPackage: "fuse3" },
  {
    file: "cryptsetup",
    args: versionFlag,
    debianPackage: "cryptsetup-bin",
    atLeast: { version: "2.4.0", because: "LUKS2 with the options used here" },
  },
  { file: "dmsetup", args: ["version"], debianPackage: "dmsetup" },
  {
    file: "losetup",
    args: versionFlag,
    debianPackage: "mount",
    atLeast: { version: "2.36", because: "--direct-io together with --sector-size" },
  },
  {
    file: "mount",
    args: versionFlag,
    debianPackage: "mount",
    atLeast: { version: "2.38", because: "it must know nosymfollow" },
  },
  {
    file: "setpriv",
    args: versionFlag,
    debianPackage: "util-linux",
    atLeast: { version: "2.33", because: "--pdeathsig" },
  },
  {
    file: "rsync",
    args: versionFlag,
    debianPackage: "rsync",
    atLeast: { version: "3.2.3", because: "--open-noatime and its error messages" },
  },
  {
    file: "find",
    args: versionFlag,
    debianPackage: "findutils",
    atLeast: { version: "4.9.0", because: "-files0-from" },
  },
  { file: "mkfs.ext4", args: ["-V"], debianPackage: "e2fsprogs" },
  { file: "e2fsck", args: ["-V"], debianPackage: "e2fsprogs" },
  { file: "resize2fs", args: [], debianPackage: "e2fsprogs" },
  { file: "dumpe2fs", args: ["-V"], debianPackage: "e2fsprogs" },
];

/** Distributions carry the fix in older versions, so this can only be a warning. */
const sshfsFixed = "3.7.6";

const btrfsTools: readonly Tool[] = [
  { file: "mkfs.btrfs", args: versionFlag, debianPackage: "btrfs-progs" },
  {
    file: "btrfs",
    args: versionFlag,
    debianPackage: "btrfs-progs",
    atLeast: { version: "5.15", because: "free-space-tree among what mkfs.btrfs is told to make" },
  },
  {
    file: "rsync",
    args: versionFlag,
    debianPackage: "rsync",
    atLeast: { version: "3.2.4", because: "--fsync, of large files in a volume with btrfs" },
  },
];

/** @param filesystems of the volumes */
export function examineTools(exec: Exec, filesystems: readonly FilesystemType[]): Promise<Finding[]> {
  const wanted = filesystems.includes("btrfs") ? [...tools, ...btrfsTools] : tools;
  return Promise.all(wanted.map((tool) => examineTool(exec, tool)));
}

async function examineTool(exec: Exec, tool: Tool): Promise<Finding> {
  const { file, args, debianPackage, atLeast } = tool;
  let said: string;
  try {
    const finished = await exec({ file, args, deadlineMs: versionDeadlineMs });
    said = `${finished.stdout.toString()}\n${finished.stderr}`;
  } catch (error) {
    return problem(file, error instanceof Error ? error.message : String(error), `apt-get install ${debianPackage}`);
  }
  const version = findVersion(said, file);
  if (version === undefined) return ok(file, "is there");
  if (atLeast !== undefined && compareVersions(version, atLeast.version) < 0) {
    const message = `${version} is too old: ${atLeast.because}`;
    return problem(file, message, `${debianPackage} has to be ${atLeast.version} or newer`);
  }
  if (file === "sshfs" && compareVersions(version, sshfsFixed) < 0) {
    return warning(
      file,
      `${version} has CVE-2026-47187 unless your distribution mended it`,
      "keep the sshfs package up to date",
    );
  }
  return ok(file, version);
}
