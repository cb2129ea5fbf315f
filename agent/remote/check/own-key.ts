import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { mustRun } from "../../../common/exec.ts";
import type { RemoteFinding } from "../../../proto/gen/luksmith/v1/agent.ts";
import { no, off, ok } from "./finding.ts";
import { Trial } from "./trial.ts";

const subject = "not its own keys";
const keysFile = ".ssh/authorized_keys";
const hint =
  "sshd has to look for keys where SFTP cannot write (AuthorizedKeysFile): luksmith remote setup sees to that";

/**
 * Whoever may write the file that sshd reads can give the key back what was taken from it. So a key is written there, behind what
 * stands there already, and tried; then it is as it was. At no time is a key missing in it.
 */
export async function altersOwnKey(trial: Trial): Promise<RemoteFinding> {
  const fetched = join(trial.directory, "authorized_keys");
  const { stderr: said } = await trial.sftp([`-get ${keysFile} ${fetched}`]);
  const before = await readFile(fetched, "utf8").catch(() => undefined);
  if (before === undefined && !/not found|no such file/i.test(said)) {
    // there is one that cannot be read: what is written in its place could not be taken back
    return off(subject, `not tried: ${keysFile} is there, and cannot be read`, hint);
  }
  const trialKey = join(trial.directory, "trial");
  await mustRun(trial.host.exec, {
    file: "ssh-keygen",
    args: ["-q", "-t", "ed25519", "-N", "", "-C", "luksmith-check", "-f", trialKey],
    deadlineMs: 30_000,
  });
  const directoryMade = (await trial.sftp(["mkdir .ssh", "chmod 700 .ssh"])).exitCode === 0;
  const added = await readFile(`${trialKey}.pub`, "utf8");
  const isWritten = await putKeys(
    trial,
    `${before ?? ""}${before === undefined || before.endsWith("\n") ? "" : "\n"}${added}`,
  );
  try {
    if (!isWritten) return ok(subject, "it cannot write any");
    // the machine's own key is offered as well; what matters is whether this one, which is offered first, was taken
    const { stderr } = await trial.ssh(["-v", "-o", `IdentityFile=${trialKey}`], ["true"]);
    if (/Server accepts key: \S*\/trial /.test(stderr)) {
      return no(subject, "a key that it has written itself lets it in", hint);
    }
    return ok(subject, "one that it writes lets nobody in");
  } finally {
    if (before === undefined) await trial.sftp([`-rm ${keysFile}`, ...(directoryMade ? ["-rmdir .ssh"] : [])]);
    else if (isWritten) await putKeys(trial, before);
  }
}

/** In its place at once. */
async function putKeys(trial: Trial, text: string): Promise<boolean> {
  const file = join(trial.directory, "keys");
  const fresh = `.ssh/${Trial.word()}`;
  await writeFile(file, text, { mode: 0o600 });
  const { exitCode } = await trial.sftp([`put ${file} ${fresh}`, `chmod 600 ${fresh}`, `rename ${fresh} ${keysFile}`]);
  if (exitCode !== 0) await trial.sftp([`-rm ${fresh}`]);
  return exitCode === 0;
}
