/** Whether each remote is there, is who it should be, and lets us in. */

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { asLuksmithError, LuksmithError } from "../../common/errors.ts";
import type { Finding } from "../../proto/gen/luksmith/v1/agent.ts";
import type { RemoteConfig } from "../config/remote.ts";
import { sftpQuote } from "../remote/sftp-quote.ts";
import { renderSshConfig, sshAlias } from "../remote/ssh-config.ts";
import { isHostKeyFailure, sshFailure } from "../remote/ssh-failure.ts";
import { describeUntrusted, knownHostsFile, trustedKeys } from "../remote/trust.ts";
import type { Host } from "../system/host.ts";
import { ok, problem } from "./finding.ts";

const answerExtraMs = 30_000;

export async function examineRemote(host: Host, remote: RemoteConfig): Promise<Finding> {
  const subject = `remote ${remote.name}`;
  if ((await trustedKeys(host, remote)).length === 0) {
    return problem(subject, "its host key has not been trusted yet", `luksmith remote trust ${remote.name}`);
  }
  const directory = join(host.runtimeDir, "ssh");
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const configFile = join(directory, `${remote.name}.doctor.conf`);
  await writeFile(configFile, renderSshConfig(remote, knownHostsFile(host, remote)), { mode: 0o600 });
  // an SFTP session that looks at the directory and ends: just what sshfs will need
  const finished = await host
    .exec({
      file: "sftp",
      args: ["-q", "-F", configFile, "-b", "-", "--", sshAlias(remote)],
      stdin: `cd ${sftpQuote(remote.path)}\n`,
      deadlineMs: remote.connectTimeoutMs + answerExtraMs,
    })
    .catch((error: unknown) => asLuksmithError(error));
  if (finished instanceof LuksmithError) return problem(subject, finished.message, finished.hint ?? "");
  if (finished.exitCode === 0)
    return ok(subject, `${remote.user}@${remote.host}:${remote.port} answers, ${remote.path} is there`);
  const failure = sshFailure(remote, finished.stderr);
  const error = isHostKeyFailure(finished.stderr)
    ? await describeUntrusted(host, remote, failure, AbortSignal.timeout(answerExtraMs))
    : failure;
  return problem(subject, error.message, error.hint ?? "");
}
