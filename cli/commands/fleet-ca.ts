import { Argument, type Command } from "commander";
import { LuksmithError } from "../../common/errors.ts";
import { addExamples } from "../help-text.ts";
import { type Invocation, withFleet } from "../invocation.ts";
import type { StepName } from "../show/fleet-authorities.ts";

interface RotateOptions {
  force?: true;
  yes?: true;
}

export function addFleetCaCommand(fleet: Command, invocation: Invocation): void {
  const show = ({ all = false }: { all?: boolean }, self: Command) =>
    withFleet(invocation, self, async (session) => {
      const { showAuthorities } = await import("../show/fleet-authorities.ts");
      await showAuthorities(session, all);
    });
  const ca = fleet
    .command("ca")
    .summary("the fleet's certificate authority, and changing it")
    .description(
      "Shows the authority that certifies machines, operators and controllers, and how far a change of it is.",
    )
    .action(show);
  const status = ca
    .command("status")
    .summary("the same")
    .description("Shows the fleet's authorities, where a change of them stands, and which machines are behind.")
    .option("--all", "every machine, not only those that are behind")
    .action(show);
  addExamples(status, [
    ["luksmith fleet ca status", "which machines are behind?"],
    ["luksmith fleet ca status --all", "how far is each?"],
  ]);
  addRotateCommand(ca, invocation);
  addExamples(ca, [
    ["luksmith fleet ca", "which authority there is"],
    ["luksmith fleet ca rotate start", "begin to change it"],
  ]);
}

function addRotateCommand(ca: Command, invocation: Invocation): void {
  const command = ca
    .command("rotate")
    .summary("change the authority, step by step")
    .description(
      "Changes the authority in steps. start makes a new one, and every machine is told to trust both. The first next has machines and operators get " +
        "certificates of the new one, the second has controllers show theirs, the third drops the old one. back goes one step " +
        "back, as long as the old one is there. A step is refused while machines or operators are behind; operators follow when " +
        "they use the fleet, or by luksmith fleet operator renew. Your own credential is renewed with each step.",
    )
    .addArgument(new Argument("<step>", "which step").choices(["start", "next", "back"]))
    .option("--force", "go on although machines are behind: with the last step they have to enrol anew")
    .option("-y, --yes", "drop the old authority without asking")
    .action((step: StepName, options: RotateOptions, self: Command) => {
      if (step !== "next" && options.force) {
        throw new LuksmithError("usage", "--force is for next", { hint: `luksmith fleet ca rotate ${step}` });
      }
      return withFleet(invocation, self, async (session) => {
        const { rotateAuthority } = await import("../show/fleet-authorities.ts");
        await rotateAuthority(session, step, { force: options.force === true, yes: options.yes === true });
      });
    });
  addExamples(command, [
    ["luksmith fleet ca rotate start", "then luksmith fleet ca, until no machine is behind"],
    ["luksmith fleet ca rotate next", "the next step, three times"],
    ["luksmith fleet ca rotate back", "undo the last step"],
  ]);
}
