/** Which host key a remote has: a known_hosts file per remote, written only by `remote trust`. */

import { join } from "node:path";
import { writeFileDurably } from "../../common/durable-file.ts";
import { LuksmithError } from "../../common/errors.ts";
import { readIfThere } from "../../common/if-there.ts";
import type { RemoteConfig } from "../config/remote.ts";
import type { Host } from "../system/host.ts";
import { type HostKey, parseKnownHosts, scanHostKeys } from "../tools/ssh-keyscan.ts";
import { sshAlias } from "./ssh-config.ts";
import { isHostKeyFailure, sshFailure } from "./ssh-failure.ts";

export function knownHostsFile(host: Host, remote: RemoteConfig): string {
  return join(host.stateDir, "known_hosts", remote.name);
}

export async function trustedKeys(host: Host, remote: RemoteConfig): Promise<HostKey[]> {
  return parseKnownHosts((await readIfThere(knownHostsFile(host, remote))) ?? "");
}

/**
 * Asks the host for its keys again and stores the one with this fingerprint.
 * @throws {LuksmithError} "refused" when it offers no such key, or another one is trusted and `replace` is not set
 */
export async function trustKey(
  host: Host,
  remote: RemoteConfig,
  fingerprint: string,
  replace: boolean,
  signal: AbortSignal,
): Promise<HostKey> {
  const [offered, trusted] = await Promise.all([
    scanHostKeys(host.exec, remote.host, remote.port, signal),
    trustedKeys(host, remote),
  ]);
  const key = offered.find((candidate) => candidate.fingerprint === fingerprint);
  if (key === undefined) {
    throw new LuksmithError(
      "refused",
      `${remote.name} does not have the host key ${fingerprint}; it offers ${names(offered)}`,
      {
        hint: "compare with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` typed on the backup host itself",
      },
    );
  }
  const other = trusted.filter((candidate) => candidate.fingerprint !== fingerprint);
  if (other.length > 0 && !replace) {
    throw new LuksmithError("refused", `${remote.name} is trusted with ${names(other)}, not with ${fingerprint}`, {
      hint: "if the backup host really has a new key, add --replace",
    });
  }
  await writeFileDurably(knownHostsFile(host, remote), `${sshAlias(remote)} ${key.type} ${key.blob}\n`, 0o600);
  return key;
}

/**
 * What a connection has failed over.
 * @param said what stood on standard error
 */
export async function explainSshFailure(
  host: Host,
  remote: RemoteConfig,
  said: string,
  signal: AbortSignal,
): Promise<LuksmithError> {
  const failure = sshFailure(remote, said);
  return isHostKeyFailure(said) ? describeUntrusted(host, remote, failure, signal) : failure;
}

/** The error for a connection that failed over the host key, with what is trusted and what is offered. */
async function describeUntrusted(host: Host, remote: RemoteConfig, failure: LuksmithError, signal: AbortSignal) {
  const [offered, trusted] = await Promise.all([
    scanHostKeys(host.exec, remote.host, remote.port, signal).catch(() => []),
    trustedKeys(host, remote),
  ]);
  const pinned = trusted.length === 0 ? "none is trusted yet" : `trusted is ${names(trusted)}`;
  return new LuksmithError("refused", `${failure.message}: it offers ${names(offered)}, ${pinned}`, {
    hint:
      trusted.length === 0
        ? `luksmith remote trust ${remote.name}`
        : `somebody may be in between; if the host really has a new key: luksmith remote trust ${remote.name} --replace`,
    cause: failure.cause,
  });
}

function names(keys: readonly HostKey[]): string {
  return keys.map((key) => `${key.type} ${key.fingerprint}`).join(", ") || "none";
}
