import type { Command } from "commander";
import { addExamples } from "../help-text.ts";
import { type Invocation, withFleet } from "../invocation.ts";

export function addFleetStatusCommand(fleet: Command, invocation: Invocation): void {
  const command = fleet
    .command("status")
    .summary("how the fleet is, and who you are to it")
    .description("Says which controller answers, who it takes you for, and how many machines are there, away, overdue.")
    .action((_options: unknown, self: Command) =>
      withFleet(invocation, self, async (session) => {
        const { showFleetStatus } = await import("../show/fleet-status.ts");
        await showFleetStatus(session);
      }),
    );
  addExamples(command, [
    ["luksmith fleet status", "is everything well?"],
    ["luksmith fleet status --json | jq '.overdue + .alerts'", "0 when it is, for a script"],
  ]);
}
