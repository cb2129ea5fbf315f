import type { Command } from "commander";
import { addExamples } from "../help-text.ts";
import { type Invocation, withFleet } from "../invocation.ts";

export function addFleetOperatorsCommand(fleet: Command, invocation: Invocation): void {
  const command = fleet
    .command("operators")
    .summary("who may use the fleet, and for what")
    .description("Lists operators with their roles, the machines that they may use, and when they were seen last.")
    .action((_options: unknown, self: Command) =>
      withFleet(invocation, self, async (session) => {
        const { showOperators } = await import("../show/fleet-operators.ts");
        await showOperators(session);
      }),
    );
  addExamples(command, [["luksmith fleet operators", "who is there"]]);
}
