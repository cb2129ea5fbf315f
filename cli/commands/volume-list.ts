import type { Command } from "commander";
import { addExamples } from "../help-text.ts";
import { type Invocation, withSession } from "../invocation.ts";

export function addVolumeListCommand(volume: Command, invocation: Invocation): void {
  const command = volume
    .command("list")
    .summary("which volumes there are, and in which state")
    .description("Lists the volumes of the agent's configuration: where they are, how big, and in which state.")
    .action((_options: unknown, self: Command) =>
      withSession(invocation, self, async (session) => {
        const { showVolumes } = await import("../show/volumes.ts");
        await showVolumes(session);
      }),
    );
  addExamples(command, [
    ["luksmith volume list", "all volumes"],
    ["luksmith volume list --json | jq -r 'select(.created | not).name'", "those that are still to be created"],
  ]);
}
