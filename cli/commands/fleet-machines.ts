import type { Command } from "commander";
import { LuksmithError } from "../../common/errors.ts";
import { type LabelChange, labelChange, machineName, selector } from "../fleet/names.ts";
import { addExamples } from "../help-text.ts";
import { type Invocation, withFleet } from "../invocation.ts";

export function addFleetMachinesCommand(fleet: Command, invocation: Invocation): void {
  const command = fleet
    .command("machines")
    .summary("which machines there are, and how each is")
    .description(
      "Lists machines: whether they are connected, their labels and versions, and what somebody should look at.",
    )
    .argument("[selector]", "which machines (default: all)", selector)
    .option("--jobs", "a line for each job: its last good backup, its last run, when it is due")
    .action((which: string | undefined, options: { jobs?: true }, self: Command) =>
      withFleet(invocation, self, async (session) => {
        const { showMachines } = await import("../show/fleet-machines.ts");
        await showMachines(session, { selector: which ?? "", jobs: options.jobs === true });
      }),
    );
  addExamples(command, [
    ["luksmith fleet machines env=prod,role!=db", "those that have these labels"],
    ["luksmith fleet machines --jobs", "when was each job backed up last"],
    ["luksmith fleet machines --json | jq -r 'select(.connected | not).name'", "who is away"],
  ]);
}

export function addFleetAcceptCommand(fleet: Command, invocation: Invocation): void {
  const command = fleet
    .command("accept")
    .summary("confirm the name of a machine that has enrolled")
    .description(
      "A machine that came with a token that says nothing of names waits until somebody confirms who it is. Until then " +
        "nothing is asked of it. Compare its id with what luksmith enroll has printed there.",
    )
    .argument("<machine>", "its id, or its host name if no other has that", machineName)
    .option("--name <name>", "what it is to be called (default: its host name)", machineName)
    .action((machine: string, options: { name?: string }, self: Command) =>
      withFleet(invocation, self, async (session) => {
        const { acceptMachine } = await import("../show/fleet-machines.ts");
        await acceptMachine(session, machine, options.name ?? "");
      }),
    );
  addExamples(command, [
    ["luksmith fleet accept web01", "by its host name"],
    ["luksmith fleet accept m4kq2v7c --name web01", "one of two that say that they are web01"],
  ]);
}

export function addFleetLabelCommand(fleet: Command, invocation: Invocation): void {
  const command = fleet
    .command("label")
    .summary("set and remove labels of a machine")
    .description("Labels are what selectors go by; schedules count for a machine as soon as its labels fit.")
    .argument("<machine>", "its name", machineName)
    .argument("<change...>", "KEY=VALUE sets a label, KEY- removes it", (text: string, before?: LabelChange[]) => [
      ...(before ?? []),
      labelChange(text),
    ])
    .action((machine: string, changes: LabelChange[], _options: unknown, self: Command) =>
      withFleet(invocation, self, async (session) => {
        const { labelMachine } = await import("../show/fleet-machines.ts");
        await labelMachine(session, machine, changes);
      }),
    );
  addExamples(command, [["luksmith fleet label web01 env=prod old-", "set one, remove another"]]);
}

export function addFleetRenameCommand(fleet: Command, invocation: Invocation): void {
  const command = fleet
    .command("rename")
    .summary("call a machine otherwise")
    .description(
      "Gives a machine another name in the fleet. What it is called itself, and its backups, stay as they are.",
    )
    .argument("<machine>", "its name", machineName)
    .argument("<name>", "the new one", machineName)
    .action((machine: string, name: string, _options: unknown, self: Command) => {
      if (machine === name) {
        throw new LuksmithError("usage", "the new name is the old one", { hint: "luksmith fleet rename OLD NEW" });
      }
      return withFleet(invocation, self, async (session) => {
        const { renameMachine } = await import("../show/fleet-machines.ts");
        await renameMachine(session, machine, name);
      });
    });
  addExamples(command, [["luksmith fleet rename web01 web-old", "before another one gets the name"]]);
}

export function addFleetRevokeCommand(fleet: Command, invocation: Invocation): void {
  const command = fleet
    .command("revoke")
    .summary("cut a machine off from the fleet")
    .description(
      "The certificate of the machine counts no more, and its connection ends at once. It is for a machine that is gone, " +
        "or that somebody else has got hold of. What it has reported stays. It goes on with the schedules that it has, and " +
        "its backups stay where they are: keys are on the machine alone.",
    )
    .argument("<machine>", "its name or id", machineName)
    .option("-y, --yes", "do not ask")
    .action((machine: string, options: { yes?: true }, self: Command) =>
      withFleet(invocation, self, async (session) => {
        const { revokeMachine } = await import("../show/fleet-machines.ts");
        await revokeMachine(session, machine, options.yes === true);
      }),
    );
  addExamples(command, [
    ["luksmith fleet revoke web01", "asks, and then cuts it off"],
    ["luksmith fleet revoke web01 --yes", "from a script"],
  ]);
}

export function addFleetForgetCommand(fleet: Command, invocation: Invocation): void {
  const command = fleet
    .command("forget")
    .summary("remove a revoked machine and all that is known of it")
    .description(
      "Removes a machine that was revoked: its runs, their logs, its alerts. Its backups stay where they are.",
    )
    .argument("<machine>", "its name or id", machineName)
    .option("-y, --yes", "do not ask")
    .action((machine: string, options: { yes?: true }, self: Command) =>
      withFleet(invocation, self, async (session) => {
        const { forgetMachine } = await import("../show/fleet-machines.ts");
        await forgetMachine(session, machine, options.yes === true);
      }),
    );
  addExamples(command, [["luksmith fleet forget web01", "after luksmith fleet revoke web01"]]);
}
