import type { Command } from "commander";
import { controllerId } from "../fleet/names.ts";
import { addExamples } from "../help-text.ts";
import { type Invocation, withFleet } from "../invocation.ts";

export function addFleetControllerCommand(fleet: Command, invocation: Invocation): void {
  const controller = fleet
    .command("controller")
    .summary("revoke a controller")
    .description("Ends a controller's part in the fleet, such as one whose host was stolen or is no more.");
  const revoke = controller
    .command("revoke")
    .summary("refuse a controller's certificates from now on")
    .description(
      "The other controllers refuse it at once. Machines refuse it once another controller has told them, which happens while " +
        "they are connected to one. It ends by itself if it is still yours. Where somebody else may have its secret that is not " +
        "enough: docs/fleet.md says what is.",
    )
    .argument("<id>", "the controller, as luksmith fleet controllers has it", controllerId)
    .option("-y, --yes", "do not ask")
    .action((id: string, { yes = false }: { yes?: boolean }, self: Command) =>
      withFleet(invocation, self, async (session) => {
        const { revokeController } = await import("../show/fleet-controllers.ts");
        await revokeController(session, id, yes);
      }),
    );
  addExamples(controller, [["luksmith fleet controller revoke fleet2-0a1b2c", "after luksmith fleet controllers"]]);
  addExamples(revoke, [["luksmith fleet controller revoke fleet2-0a1b2c", "it is none of the fleet's any more"]]);
}
