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
  ];
  const args = ["-f", "-F", spec.sshConfigFile, "-o", options.join(","), `${spec.alias}:${spec.path}`, spec.mountPoint];
  return start({ file: "sshfs", args, graceMs: 1000, endsItsGroup: true });
}
