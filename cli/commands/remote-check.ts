import type { Command } from "commander";
import { addExamples } from "../help-text.ts";
import { type Invocation, withSession } from "../invocation.ts";
import { remoteName } from "../names.ts";

export function addRemoteCheckCommand(remote: Command, invocation: Invocation): void {
  const command = remote
    .command("check")
    .summary("try what this machine's key can do there, and what not")
    .description(
      "Connects to the backup host NAME with this machine's key, again and again, and tries to get at what it should " +
        "not: other files, a shell, its networks, its own key. Then asks the helper there, if there is one, what it can do. " +
        "`no` is what should be otherwise, `off` what could be there and is not. The exit code is 1 when there is a `no`.",
    )
    .argument("<name>", "the remote", remoteName)
    .action((name: string, _options: unknown, self: Command) =>
      withSession(invocation, self, async (session) => {
        const { showRemoteCheck } = await import("../show/remote-check.ts");
        await showRemoteCheck(session, name);
      }),
    );
  addExamples(command, [
    ["luksmith remote check vault", "after `remote setup`, and whenever somebody has changed sshd there"],
  ]);
}
