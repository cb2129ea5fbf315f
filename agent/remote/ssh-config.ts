/** The ssh_config(5) that every connection to a remote uses: everything pinned, nothing taken from the machine's own. */

import type { RemoteConfig } from "../config/remote.ts";

/** The name that stands for the remote in the rendered file; ssh's command line never sees host or user. */
export function sshAlias(remote: RemoteConfig): string {
  return `luksmith-${remote.name}`;
}

/**
 * So many questions of ssh's own go unanswered before it gives a silent wire up: no sooner than the stall timeout, which
 * counts what is asked of the host, so that a pause that is shorter is survived.
 */
const aliveCount = 3;

/**
 * The function of ssh's that gives a silent wire up. At LogLevel ERROR it would not say so, and nobody could tell that end
 * from any other; at INFO the host's banner, which may say anything, would stand beside it.
 */
const saysSilence = "server_alive_check";

/**
 * Pure. Values come out of a config whose schema lets nothing through that could end a line or open a quote; it is
 * checked here once more, because what follows a broken-out line would run as root.
 */
export function renderSshConfig(remote: RemoteConfig, knownHostsFile: string): string {
  const lines: [string, string][] = [
    // an ssh before 8.5 does without
    ["IgnoreUnknown", "LogVerbose"],
    ["HostName", remote.host],
    ["HostKeyAlias", sshAlias(remote)],
    ["Port", `${remote.port}`],
    ["User", remote.user],
    ["IdentityFile", quote(remote.identity)],
    ["IdentitiesOnly", "yes"],
    ["IdentityAgent", "none"],
    ["UserKnownHostsFile", quote(knownHostsFile)],
    ["GlobalKnownHostsFile", "/dev/null"],
    ["StrictHostKeyChecking", "yes"],
    ["UpdateHostKeys", "no"],
    ["CheckHostIP", "no"],
    ["BatchMode", "yes"],
    ["PreferredAuthentications", "publickey"],
    ["ConnectTimeout", `${Math.ceil(remote.connectTimeoutMs / 1000)}`],
    ["ServerAliveInterval", `${Math.ceil(remote.stallTimeoutMs / 1000 / aliveCount)}`],
    ["ServerAliveCountMax", `${aliveCount}`],
    ["TCPKeepAlive", "no"],
    ["ClearAllForwardings", "yes"],
    ["ForwardAgent", "no"],
    ["ForwardX11", "no"],
    ["PermitLocalCommand", "no"],
    ["ControlMaster", "no"],
    ["ControlPath", "none"],
    ["Compression", "no"],
    ["RequestTTY", "no"],
    ["EscapeChar", "none"],
    ["LogLevel", "ERROR"],
    ["LogVerbose", `clientloop.c:${saysSilence}*`],
    // What goes through is ciphertext already. So of the key exchanges one that costs little: those that withstand
    // quantum computers are for secrets that somebody records today. And of the ciphers that are as good, the one that processors have
    // instructions for.
    ["KexAlgorithms", "^curve25519-sha256,curve25519-sha256@libssh.org"],
    ["Ciphers", "^aes128-gcm@openssh.com,aes256-gcm@openssh.com"],
  ];
  for (const [key, value] of lines) {
    if (/[\p{Cc}]/u.test(value)) throw new RangeError(`${key} holds a control character`);
  }
  return [`Host ${sshAlias(remote)}`, ...lines.map(([key, value]) => `  ${key} ${value}`), ""].join("\n");
}

/** Double quotes keep blanks together; ssh_config(5) knows no way to write a quote inside, and %-tokens are doubled. */
function quote(path: string): string {
  if (path.includes('"')) throw new RangeError("a path holds a double quote");
  return `"${path.replaceAll("%", "%%")}"`;
}
