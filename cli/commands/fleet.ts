import type { Command } from "commander";
import { addExamples, groups } from "../help-text.ts";
import type { Invocation } from "../invocation.ts";
import { addFleetAlertsCommand } from "./fleet-alerts.ts";
import { addFleetApplyCommand } from "./fleet-apply.ts";
import { addFleetAuditCommand } from "./fleet-audit.ts";
import { addFleetCaCommand } from "./fleet-ca.ts";
import { addFleetCancelCommand } from "./fleet-cancel.ts";
import { addFleetControllerCommand } from "./fleet-controller.ts";
import { addFleetControllersCommand } from "./fleet-controllers.ts";
import { addFleetDispatchesCommand } from "./fleet-dispatches.ts";
import { addFleetLogCommand } from "./fleet-log.ts";
import { addFleetLsCommand } from "./fleet-ls.ts";
import {
  addFleetAcceptCommand,
  addFleetForgetCommand,
  addFleetLabelCommand,
  addFleetMachinesCommand,
  addFleetRenameCommand,
  addFleetRevokeCommand,
} from "./fleet-machines.ts";
import { addFleetOperatorCommand } from "./fleet-operator.ts";
import { addFleetOperatorsCommand } from "./fleet-operators.ts";
import { addFleetRunCommand } from "./fleet-run.ts";
import { addFleetRunsCommand } from "./fleet-runs.ts";
import { addFleetSchedulesCommand } from "./fleet-schedules.ts";
import { addFleetSnapshotsCommand } from "./fleet-snapshots.ts";
import { addFleetStatusCommand } from "./fleet-status.ts";
import { addFleetTokenCommand } from "./fleet-token.ts";
import { addFleetTopCommand } from "./fleet-top.ts";

export function addFleetCommand(program: Command, invocation: Invocation): void {
  const fleet = program
    .command("fleet")
    .helpGroup(groups.fleet)
    .summary("many machines: enrol them, schedule and start their runs, see how they are")
    .description(
      "What operators do through luksmith-controller, with a credential of the fleet's own: a file that " +
        "luksmith-controller init or luksmith fleet operator create has written, readable for its owner alone. What each " +
        "operator may do goes by role and by machines, and is on record.",
    )
    .option("--fleet <file>", "the operator's credential (default: $LUKSMITH_FLEET or ~/.config/luksmith/fleet.yaml)");
  addFleetStatusCommand(fleet, invocation);
  addFleetTopCommand(fleet, invocation);
  addFleetMachinesCommand(fleet, invocation);
  addFleetTokenCommand(fleet, invocation);
  addFleetAcceptCommand(fleet, invocation);
  addFleetLabelCommand(fleet, invocation);
  addFleetRenameCommand(fleet, invocation);
  addFleetRevokeCommand(fleet, invocation);
  addFleetForgetCommand(fleet, invocation);
  addFleetApplyCommand(fleet, invocation);
  addFleetSchedulesCommand(fleet, invocation);
  addFleetRunCommand(fleet, invocation);
  addFleetDispatchesCommand(fleet, invocation);
  addFleetRunsCommand(fleet, invocation);
  addFleetLogCommand(fleet, invocation);
  addFleetCancelCommand(fleet, invocation);
  addFleetSnapshotsCommand(fleet, invocation);
  addFleetLsCommand(fleet, invocation);
  addFleetAlertsCommand(fleet, invocation);
  addFleetOperatorsCommand(fleet, invocation);
  addFleetOperatorCommand(fleet, invocation);
  addFleetCaCommand(fleet, invocation);
  addFleetControllersCommand(fleet, invocation);
  addFleetControllerCommand(fleet, invocation);
  addFleetAuditCommand(fleet, invocation);
  addExamples(fleet, [
    ["luksmith fleet status", "how is the fleet, and who am I to it"],
    ["luksmith fleet token create --labels env=prod", "the line to type on the next machine"],
    ["luksmith fleet run env=prod backup home", "back up now, on all of them"],
    ["luksmith fleet top", "what goes on, live"],
  ]);
}
