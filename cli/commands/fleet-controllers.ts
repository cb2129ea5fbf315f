import type { Command } from "commander";
import { addExamples } from "../help-text.ts";
import { type Invocation, withFleet } from "../invocation.ts";

export function addFleetControllersCommand(fleet: Command, invocation: Invocation): void {
  const command = fleet
    .command("controllers")
    .summary("which controllers serve the fleet")
    .description(
      "Lists the controllers that share the fleet's database: whether each is alive, and how many machines it has.",
    )
    .action((_options: unknown, self: Command) =>
      withFleet(invocation, self, async (session) => {
        const { showControllers } = await import("../show/fleet-controllers.ts");
        await showControllers(session);
      }),
    );
  addExamples(command, [["luksmith fleet controllers", "are all of them alive?"]]);
}
