import type { Command } from "commander";
import { LuksmithError } from "../../common/errors.ts";
import { batchId, selector } from "../fleet/names.ts";
import { addExamples } from "../help-text.ts";
import { type Invocation, withFleet } from "../invocation.ts";
import { countUpTo } from "../names.ts";

interface Options {
  machines?: string;
  limit: number;
  follow?: true;
}

/** As many as the controller tells of at once. */
const maxDispatches = 1000;

export function addFleetDispatchesCommand(fleet: Command, invocation: Invocation): void {
  const command = fleet
    .command("dispatches")
    .summary("what machines were asked for, and what became of it")
    .description(
      "Lists what operators have asked machines for with luksmith fleet run, newest first, also where it was refused, has " +
        "expired, or waits for the machine.",
    )
    .argument("[asked]", "what luksmith fleet run has printed: of all that were asked at once", batchId)
    .option("--machines <selector>", "of these machines only", selector)
    .option("--limit <count>", "how many at most", countUpTo(maxDispatches), 100)
    .option("-f, --follow", "watch it until all have ended, as luksmith fleet run does")
    .action((batch: string | undefined, options: Options, self: Command) => {
      if (options.follow && (batch === undefined || options.machines !== undefined)) {
        throw new LuksmithError("usage", "--follow is for what was asked for at once", {
          hint: "luksmith fleet dispatches ID --follow; without ID they are listed",
        });
      }
      return withFleet(invocation, self, async (session) => {
        const { followBatch, showDispatches } = await import("../show/fleet-dispatches.ts");
        if (options.follow && batch !== undefined) await followBatch(session, batch);
        else {
          const request = { batch: batch ?? "", selector: options.machines ?? "", limit: options.limit };
          await showDispatches(session, request);
        }
      });
    });
  addExamples(command, [
    ["luksmith fleet dispatches", "what was asked for lately"],
    ["luksmith fleet dispatches b4k2 --follow", "watch what was started with --detach"],
    ["luksmith fleet dispatches --machines name=web01", "what was asked of one machine"],
  ]);
}
