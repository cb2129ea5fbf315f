/** What ssh and sshfs said, sorted into errors that someone can act on. Pure. */

import { LuksmithError } from "../../common/errors.ts";
import { formatDuration } from "../../common/units.ts";
import type { RemoteConfig } from "../config/remote.ts";

/** @param said what stood on standard error */
export function sshFailure(remote: RemoteConfig, said: string): LuksmithError {
  const where = `${remote.user}@${remote.host}:${remote.port}`;
  const options = (hint: string) => ({ hint, cause: said });
  if (isHostKeyFailure(said)) {
    const hint = `luksmith remote trust ${remote.name}`;
    return new LuksmithError("refused", `the host key of ${remote.name} (${where}) is not trusted`, options(hint));
  }
  if (/permission denied \((publickey|password|keyboard)/i.test(said)) {
    const byHand = `add the line in ${remote.identity}.pub to ~${remote.user}/.ssh/authorized_keys on ${remote.host}`;
    return new LuksmithError(
      "refused",
      `${where} does not accept the key ${remote.identity}`,
      options(`luksmith remote setup ${remote.name}; or ${byHand}`),
    );
  }
  if (
    /identity file .* not accessible|no such identity|load key .*(no such file|permission denied|invalid format)|unprotected private key/i.test(
      said,
    )
  ) {
    const hint = `make one: ssh-keygen -t ed25519 -N '' -f ${remote.identity}`;
    return new LuksmithError("refused", `the ssh key ${remote.identity} cannot be used`, options(hint));
  }
  if (/no such file or directory/i.test(said)) {
    return new LuksmithError(
      "not_found",
      `there is no directory ${remote.path} on ${where}`,
      options(`make it: ${makeDirectory(remote)}`),
    );
  }
  if (/subsystem request failed/i.test(said)) {
    return new LuksmithError(
      "refused",
      `${where} offers no SFTP`,
      options("sshd_config there: Subsystem sftp internal-sftp"),
    );
  }
  const reason = [
    [/could not resolve hostname/i, "its name is not known"],
    [/connection refused/i, "nothing listens there"],
    [/no route to host|network is unreachable/i, "there is no route to it"],
    [/timed out|timeout, server/i, "it does not answer"],
    [/connection reset|connection closed|broken pipe|remote host has disconnected/i, "it closed the connection"],
  ].find(([pattern]) => (pattern as RegExp).test(said))?.[1];
  return new LuksmithError(
    "unreachable",
    `cannot reach ${remote.name} (${where})${reason === undefined ? "" : `: ${reason as string}`}`,
    options("luksmith doctor"),
  );
}

/**
 * Why a connection that stood has ended: what ssh said in the end. That it gave up a host from which nothing comes any more
 * (ssh_config(5), ServerAliveCountMax) is the same finding as the watchdog's, and whoever of the two is first makes it: the
 * watchdog while something is waited for, ssh otherwise. It is asked to say so by LogVerbose; see ssh-config.ts.
 */
export function connectionEnded(remote: Pick<RemoteConfig, "name" | "stallTimeoutMs">, said: string): LuksmithError {
  if (/timeout, server .* not responding/i.test(said)) return stalled(remote, said);
  return new LuksmithError("lost", `the connection to ${remote.name} is lost`, { cause: said });
}

export function stalled(
  { name, stallTimeoutMs }: Pick<RemoteConfig, "name" | "stallTimeoutMs">,
  cause?: string,
): LuksmithError {
  return new LuksmithError("stalled", `${name} has not answered for ${formatDuration(stallTimeoutMs)}`, {
    hint: `the connection stands, and nothing comes back; for a host that is that slow, raise remotes.${name}.stallTimeout`,
    cause,
  });
}

/** What to type to make the remote's directory: by SFTP, because that may be all that the key is good for. */
export function makeDirectory({ identity, port, user, host, path }: RemoteConfig): string {
  return `echo 'mkdir "${path}"' | sftp -b - -i ${identity} -P ${port} ${user}@${host}`;
}

export function isHostKeyFailure(said: string): boolean {
  return /host key verification failed|remote host identification has changed|no .* host key is known/i.test(said);
}
