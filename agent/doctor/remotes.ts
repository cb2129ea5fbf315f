/** Whether each remote is there, is who it should be, and lets us in. */

import { join } from "node:path";
import { asLuksmithError, LuksmithError } from "../../common/errors.ts";
import type { Finding } from "../../proto/gen/luksmith/v1/agent.ts";
import type { RemoteConfig } from "../config/remote.ts";
import { sftpQuote } from "../remote/sftp-quote.ts";
import { sshAlias } from "../remote/ssh-config.ts";
import { writeSshConfig } from "../remote/ssh-config-file.ts";
import { explainSshFailure, trustedKeys } from "../remote/trust.ts";
import type { Host } from "../system/host.ts";
import { ok, problem } from "./finding.ts";

const answerExtraMs = 30_000;

export async function examineRemote(host: Host, remote: RemoteConfig): Promise<Finding> {
  const subject = `remote ${remote.name}`;
  if ((await trustedKeys(host, remote)).length === 0) {
    return problem(subject, "its host key has not been trusted yet", `luksmith remote trust ${remote.name}`);
  }
  const directory = join(host.runtimeDir, "ssh");
  const configFile = join(directory, `${remote.name}.doctor.conf`);
  await writeSshConfig(host, remote, configFile);
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
  const error = await explainSshFailure(host, remote, finished.stderr, AbortSignal.timeout(answerExtraMs));
  return problem(subject, error.message, error.hint ?? "");
}
