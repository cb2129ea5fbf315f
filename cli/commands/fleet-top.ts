import type { Command } from "commander";
import { selector } from "../fleet/names.ts";
import { addExamples } from "../help-text.ts";
import { type Invocation, withFleet } from "../invocation.ts";

export function addFleetTopCommand(fleet: Command, invocation: Invocation): void {
  const command = fleet
    .command("top")
    .summary("what goes on, live")
    .description(
      "Shows what runs, how far it is, what is queued, failing and overdue, as it changes; q or Ctrl-C ends it. Where " +
        "there is no terminal it is shown once. With --json an object is printed each time that something has changed.",
    )
    .argument("[selector]", "which machines (default: all)", selector)
    .action((which: string | undefined, _options: unknown, self: Command) =>
      withFleet(invocation, self, async (session) => {
        const { showTop } = await import("../show/fleet-top.ts");
        await showTop(session, which ?? "");
      }),
    );
  addExamples(command, [
    ["luksmith fleet top", "the whole fleet"],
    ["luksmith fleet top env=prod", "a part of it"],
    ["luksmith fleet top | mail -s fleet ops@example.net", "once, for a mail"],
  ]);
}
