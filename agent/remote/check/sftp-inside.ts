import type { RemoteFinding } from "../../../proto/gen/luksmith/v1/agent.ts";
import { sftpQuote } from "../sftp-quote.ts";
import { makeDirectory } from "../ssh-failure.ts";
import { explainSshFailure } from "../trust.ts";
import { no, ok } from "./finding.ts";
import { Trial } from "./trial.ts";

const subject = "SFTP";

/** What sshfs needs: the directory is there, and can be written to. @throws {LuksmithError} when it does not come to that */
export async function sftpInside(trial: Trial, signal: AbortSignal): Promise<RemoteFinding> {
  const { host, remote } = trial;
  const word = Trial.word();
  const tried = await trial.sftp([`cd ${sftpQuote(remote.path)}`, "pwd", `mkdir ${word}`, `rmdir ${word}`]);
  if (/remote (mkdir|rmdir) .*: /i.test(tried.stderr)) {
    return no(
      subject,
      `nothing can be written to ${remote.path}`,
      "on the backup host: it has to belong to the machine's user",
    );
  }
  if (/no such file|not found|realpath/i.test(tried.stderr)) {
    return no(subject, `there is no directory ${remote.path}`, `make it: ${makeDirectory(remote)}`);
  }
  if (tried.exitCode === 0) return ok(subject, `${remote.path} is there, and can be written to`);
  throw await explainSshFailure(host, remote, tried.stderr, signal);
}
