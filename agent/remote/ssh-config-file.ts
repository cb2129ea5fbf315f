import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { RemoteConfig } from "../config/remote.ts";
import type { Host } from "../system/host.ts";
import { renderSshConfig } from "./ssh-config.ts";
import { knownHostsFile } from "./trust.ts";

/** Makes the directory when it is missing; both are root's alone. */
export async function writeSshConfig(host: Host, remote: RemoteConfig, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFile(path, renderSshConfig(remote, knownHostsFile(host, remote)), { mode: 0o600 });
}
