/** sudo and sshd are asked whether they can read what is written for them, before they have to. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { LuksmithError } from "../../../common/errors.ts";
import { type Exec, lastWords, mustRead } from "../../../common/exec.ts";
import { gatePath, keysDirectory } from "../paths.ts";

const deadlineMs = 30_000;

/** @throws {LuksmithError} "tool_failed" */
export async function requireSudoReads(exec: Exec, content: string): Promise<void> {
  // not in sudoers.d, where a file that cannot be read would end all use of sudo
  const directory = await mkdtemp("/run/luksmith-sudoers-");
  try {
    const file = join(directory, "rule");
    await writeFile(file, content, { mode: 0o440 });
    const checked = await exec({ file: "visudo", args: ["--check", "--quiet", `--file=${file}`], deadlineMs });
    if (checked.exitCode === 0) return;
    throw new LuksmithError("tool_failed", `sudo does not understand its rule: ${lastWords(checked)}`);
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** @throws {LuksmithError} "tool_failed" when it cannot read its configuration, "refused" when it reads it another way */
export async function requireSshdReads(exec: Exec, machine: string): Promise<void> {
  const tried = await exec({ file: "sshd", args: ["-t"], deadlineMs });
  if (tried.exitCode !== 0) {
    throw new LuksmithError("tool_failed", `sshd does not understand its configuration: ${lastWords(tried)}`, {
      hint: "sshd -t; what setup had written for it is gone again",
    });
  }
  const connection = `user=${machine},host=localhost,addr=127.0.0.1`;
  const effective = (await mustRead(exec, { file: "sshd", args: ["-T", "-C", connection], deadlineMs })).toString();
  const lines = effective.split("\n");
  const isConfined =
    lines.some((line) => line.startsWith(`forcecommand ${gatePath} `)) &&
    lines.includes(`authorizedkeysfile ${keysDirectory}/%u`) &&
    lines.includes("disableforwarding yes") &&
    lines.includes("permittty no");
  if (isConfined) return;
  throw new LuksmithError("refused", `sshd has other ideas of what ${machine} may do`, {
    hint: "/etc/ssh/sshd_config has to begin with: Include /etc/ssh/sshd_config.d/*.conf; sshd -T shows what it makes of it",
  });
}
