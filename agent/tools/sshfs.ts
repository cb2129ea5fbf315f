/** sshfs(1), in the foreground, as a child of ours. */

import type { Child, Start } from "../../common/exec.ts";

export interface SshfsSpec {
  /** An alias that the config file explains. */
  readonly alias: string;
  readonly sshConfigFile: string;
  /** Directory on the host, relative to the login directory or absolute. */
  readonly path: string;
  readonly mountPoint: string;
  readonly fsname: string;
  /** What is read of a file is not kept, which is how an image is written. */
  readonly unbuffered: boolean;
}

/**
 * Starts it; its ssh ends with it. The mount is there when mountinfo shows it. Root alone gets in (no allow_other).
 * The end of its standard error says why when it ends.
 */
export function startSshfs(start: Start, spec: SshfsSpec): Child {
  const options = [
    `fsname=${spec.fsname}`,
    // an attribute of the root is one round trip that nobody needs: the image's own stat follows
    "no_check_root",
    // one file, no directory to remember
    "dir_cache=no",
    "sshfs_sync",
    // Otherwise the kernel asks for the file's size before each read that follows a write, for fear of reading beyond its end:
    // a round trip in which the loop device does nothing else (fuse_cache_read_iter() in fs/fuse/file.c)
    ...(spec.unbuffered ? ["direct_io"] : []),
  ];
  const args = ["-f", "-F", spec.sshConfigFile, "-o", options.join(","), `${spec.alias}:${spec.path}`, spec.mountPoint];
  return start({ file: "sshfs", args, graceMs: 1000, endsItsGroup: true });
}
