import type { Command } from "commander";
import { addExamples, groups } from "../help-text.ts";
import type { Invocation } from "../invocation.ts";
import { addRemoteTrustCommand } from "./remote-trust.ts";

export function addRemoteCommand(program: Command, invocation: Invocation): void {
  const remote = program
    .command("remote")
    .helpGroup(groups.setup)
    .summary("trust a backup host")
    .description("Backup hosts, as the agent's configuration names them below `remotes`.");
  addRemoteTrustCommand(remote, invocation);
  addExamples(remote, [["luksmith remote trust vault", "show the host key of vault, and ask"]]);
}
