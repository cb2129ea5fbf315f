/** The run that an operator means, of those of the machines that it sees. */

import { LuksmithError } from "../../common/errors.ts";
import { quoteText } from "../../common/quote.ts";
import type { AuthorizedOperator } from "../operators/operators.ts";
import type { Action } from "../operators/rights.ts";
import { readRunReference } from "../runs/run-reference.ts";
import { Selector } from "../selector/selector.ts";
import { getMachine, type Machine } from "../store/machines.ts";
import { findRuns, type StoredRun } from "../store/runs.ts";
import type { ControllerParts } from "./parts.ts";
import { calledName, visibleMachine, visibleMachines } from "./visible.ts";

/** Of those that begin alike, so many are named. */
const namedMax = 5;

/** @throws {LuksmithError} "usage" for what names no run, or several; "not_found" */
export async function visibleRun(
  parts: Pick<ControllerParts, "store" | "operators">,
  operator: AuthorizedOperator,
  action: Action,
  text: string,
): Promise<{ run: StoredRun; machine: Machine }> {
  const { database } = parts.store;
  const { machine: called, prefix } = readRunReference(text);
  if (called !== undefined) {
    const machine = await visibleMachine(parts, operator, action, called);
    const [run, other] = await findRuns(database, prefix, [machine.id], 2);
    if (run === undefined) throw noSuchRun(text);
    if (other !== undefined && prefix !== "")
      throw isAmbiguous(
        text,
        [run, other].map(({ runId }) => `${called}/${runId}`),
      );
    return { run, machine };
  }
  const { heads, ids } = await visibleMachines(parts, operator, Selector.all);
  const [run, ...others] = await findRuns(database, prefix, ids, namedMax);
  if (run === undefined) throw noSuchRun(text);
  if (others.length > 0) {
    const names = [run, ...others].map(({ machineId, runId }) => {
      const head = heads.get(machineId);
      return `${head === undefined ? machineId : calledName(head)}/${runId}`;
    });
    throw isAmbiguous(text, names);
  }
  const machine = await getMachine(database, run.machineId);
  if (machine === undefined || !operator.sees(machine)) throw noSuchRun(text);
  return { run, machine };
}

function noSuchRun(text: string): LuksmithError {
  return new LuksmithError("not_found", `there is no run ${quoteText(text)}`, {
    hint: "luksmith fleet runs lists them",
  });
}

function isAmbiguous(text: string, names: readonly string[]): LuksmithError {
  return new LuksmithError("usage", `several runs begin with ${quoteText(text)}`, { hint: names.join(", ") });
}
