import type { Command } from "commander";
import { addExamples, groups } from "../help-text.ts";
import type { Invocation } from "../invocation.ts";
import { addRemoteCheckCommand } from "./remote-check.ts";
import { addRemoteSetupCommand } from "./remote-setup.ts";
import { addRemoteTrustCommand } from "./remote-trust.ts";

export function addRemoteCommand(program: Command, invocation: Invocation): void {
  const remote = program
    .command("remote")
    .helpGroup(groups.setup)
    .summary("trust a backup host, set it up, check it")
    .description("Backup hosts, as the agent's configuration names them below `remotes`.");
  addRemoteTrustCommand(remote, invocation);
  addRemoteSetupCommand(remote, invocation);
  addRemoteCheckCommand(remote, invocation);
  addExamples(remote, [
    ["luksmith remote trust vault", "show the host key of vault, and ask"],
    ["luksmith remote setup vault --dry-run", "what a setup would do there"],
    ["luksmith remote check vault", "what this machine's key can do there"],
  ]);
}
