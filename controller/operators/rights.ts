/**
 * What each role may do: a closed table of all calls. "machines": what is asked for is held to the operator's scope. "fleet": it is about
 * the fleet as a whole, which nobody has whose scope is a part of it. Pure.
 */

import type { ControllerServiceService } from "../../proto/gen/luksmith/v1/controller.ts";

const roles = ["viewer", "operator", "admin"] as const;
/** Each may do what those before it may. */
export type Role = (typeof roles)[number];

export type Action = keyof typeof ControllerServiceService;

interface Right {
  readonly role: Role;
  readonly reach: "machines" | "fleet";
  /** On record also when it is allowed. */
  readonly changes: boolean;
  /** Completes "may not". */
  readonly words: string;
}

export const rights: Readonly<Record<Action, Right>> = {
  getFleet: sees("see the fleet"),
  listMachines: sees("list machines"),
  listSchedules: sees("list schedules"),
  listDispatches: sees("see what was asked for"),
  watchDispatches: sees("see what was asked for"),
  listFleetRuns: sees("list runs"),
  watchFleetRun: sees("see what runs say"),
  watchFleet: sees("see the fleet"),
  listAlerts: sees("list alerts"),
  renewOperator: { ...sees("renew a certificate"), changes: true },

  dispatch: { role: "operator", reach: "machines", changes: true, words: "start runs" },
  cancelFleetRun: { role: "operator", reach: "machines", changes: true, words: "cancel runs" },
  // names of files may be more than a viewer is to see; and each listing attaches a volume
  listFleetSnapshots: { role: "operator", reach: "machines", changes: true, words: "list snapshots" },
  listFleetFiles: { role: "operator", reach: "machines", changes: true, words: "list files" },

  revokeMachine: { role: "admin", reach: "machines", changes: true, words: "revoke machines" },
  forgetMachine: { role: "admin", reach: "machines", changes: true, words: "forget machines" },
  // names and labels decide whose scope a machine is in
  acceptMachine: { role: "admin", reach: "fleet", changes: true, words: "accept machines" },
  changeMachine: { role: "admin", reach: "fleet", changes: true, words: "change names and labels" },
  createToken: { role: "admin", reach: "fleet", changes: true, words: "make tokens" },
  revokeToken: { role: "admin", reach: "fleet", changes: true, words: "revoke tokens" },
  listTokens: { role: "admin", reach: "fleet", changes: false, words: "list tokens" },
  applySchedules: { role: "admin", reach: "fleet", changes: true, words: "change schedules" },
  testAlerts: { role: "admin", reach: "fleet", changes: true, words: "send messages" },
  createOperator: { role: "admin", reach: "fleet", changes: true, words: "name operators" },
  revokeOperator: { role: "admin", reach: "fleet", changes: true, words: "revoke operators" },
  listOperators: { role: "admin", reach: "fleet", changes: false, words: "list operators" },
  rotateAuthority: { role: "admin", reach: "fleet", changes: true, words: "change the authority" },
  getAuthorities: { role: "admin", reach: "fleet", changes: false, words: "see the authorities" },
  revokeController: { role: "admin", reach: "fleet", changes: true, words: "revoke controllers" },
  listControllers: { role: "viewer", reach: "fleet", changes: false, words: "list controllers" },
  listFleetAudit: { role: "admin", reach: "fleet", changes: false, words: "read the audit" },
};

function sees(words: string): Right {
  return { role: "viewer", reach: "machines", changes: false, words };
}

export interface Rightholder {
  readonly name: string;
  readonly role: Role;
  /** Whether the scope is every machine. */
  readonly isWholeFleet: boolean;
}

export type Decision =
  | { readonly allowed: true }
  | { readonly allowed: false; readonly reason: string; readonly hint: string };

export function decide({ name, role, isWholeFleet }: Rightholder, action: Action): Decision {
  const right = rights[action];
  if (roles.indexOf(role) < roles.indexOf(right.role)) {
    return {
      allowed: false,
      reason: `${name} may not ${right.words}`,
      hint: `that takes the role ${right.role}, and ${name} has the role ${role}`,
    };
  }
  if (right.reach === "fleet" && !isWholeFleet) {
    return {
      allowed: false,
      reason: `${name} may not ${right.words}: that is about the whole fleet`,
      hint: `that takes an operator without a scope, with the role ${right.role}`,
    };
  }
  return { allowed: true };
}
