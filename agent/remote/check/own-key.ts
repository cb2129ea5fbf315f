import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { mustRun } from "../../../common/exec.ts";
import type { RemoteFinding } from "../../../proto/gen/luksmith/v1/agent.ts";
import { no, ok } from "./finding.ts";
import type { Trial } from "./trial.ts";

const subject = "not its own keys";
const keysFile = ".ssh/authorized_keys";
const hint =
  "sshd has to look for keys where SFTP cannot write (AuthorizedKeysFile): luksmith remote setup sees to that";

/**
 * Whoever may write the file that sshd reads can give the key back what was taken from it. Where there is a file already it is only
 * read; where there is none one is made, with a key that is then tried.
 */
export async function altersOwnKey(trial: Trial, publicKey: string): Promise<RemoteFinding> {
  const there = join(trial.directory, "authorized_keys");
  await trial.sftp([`-get ${keysFile} ${there}`]);
  const text = await readFile(there, "utf8").catch(() => undefined);
  if (text !== undefined) {
    const blob = publicKey.split(" ")[1] ?? "";
    if (text.includes(blob)) return no(subject, `the key gets to the file that lets it in: ${keysFile}`, hint);
    return ok(subject, `${keysFile} is in its reach, and not what lets it in`);
  }
  const trialKey = join(trial.directory, "trial");
  await mustRun(trial.host.exec, {
    file: "ssh-keygen",
    args: ["-q", "-t", "ed25519", "-N", "", "-C", "luksmith-check", "-f", trialKey],
    deadlineMs: 30_000,
  });
  const directoryMade = (await trial.sftp(["mkdir .ssh", "chmod 700 .ssh"])).exitCode === 0;
  const { exitCode } = await trial.sftp([`put ${trialKey}.pub ${keysFile}`, `chmod 600 ${keysFile}`]);
  try {
    if (exitCode !== 0) return ok(subject, "it cannot write any");
    // the machine's own key is offered as well; what matters is whether this one, which is offered first, was taken
    const { stderr } = await trial.ssh(["-v", "-o", `IdentityFile=${trialKey}`], ["true"]);
    if (/Server accepts key: \S*\/trial /.test(stderr)) {
      return no(subject, "a key that it has written itself lets it in", hint);
    }
    return ok(subject, "one that it writes lets nobody in");
  } finally {
    await trial.sftp([`-rm ${keysFile}`, ...(directoryMade ? ["-rmdir .ssh"] : [])]);
  }
}
