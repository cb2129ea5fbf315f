import type { Command } from "commander";
import { channelName, selector } from "../fleet/names.ts";
import { addExamples } from "../help-text.ts";
import { type Invocation, withFleet } from "../invocation.ts";

interface Options {
  machines?: string;
  resolved?: true;
}

export function addFleetAlertsCommand(fleet: Command, invocation: Invocation): void {
  const alerts = fleet
    .command("alerts")
    .summary("what is wrong: backups that are overdue, runs that fail")
    .description(
      "Lists alerts. An alert is pending for a while, in which it may pass, then firing: somebody is told, again and again " +
        "until it is resolved. A backup that did not happen is one as well: silence is an alarm.",
    )
    .option("--machines <selector>", "of these machines only", selector)
    .option("--resolved", "those that are over as well")
    .action((options: Options, self: Command) =>
      withFleet(invocation, self, async (session) => {
        const { showAlerts } = await import("../show/fleet-alerts.ts");
        await showAlerts(session, { selector: options.machines ?? "", resolved: options.resolved === true });
      }),
    );
  addTestCommand(alerts, invocation);
  addExamples(alerts, [
    ["luksmith fleet alerts", "what is wrong now"],
    ["luksmith fleet alerts --resolved --json", "what was wrong as well, for a program"],
    ["luksmith fleet alerts test", "would anybody be told?"],
  ]);
}

function addTestCommand(alerts: Command, invocation: Invocation): void {
  const command = alerts
    .command("test")
    .summary("send a message by each channel")
    .description(
      "Sends a message that says that it is a test by each channel of the controller's configuration, or by one, and says " +
        "what came of it. The exit code is 1 when one was not delivered.",
    )
    .argument("[channel]", "its name in the controller's configuration (default: each)", channelName)
    .action((channel: string | undefined, _options: unknown, self: Command) =>
      withFleet(invocation, self, async (session) => {
        const { testAlerts } = await import("../show/fleet-alerts.ts");
        await testAlerts(session, channel ?? "");
      }),
    );
  addExamples(command, [
    ["luksmith fleet alerts test", "each of them"],
    ["luksmith fleet alerts test mail", "one"],
  ]);
}
