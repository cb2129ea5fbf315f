/** The machines that an operator may know of, and of these the one that is meant. */

import { LuksmithError } from "../../common/errors.ts";
import { quoteText } from "../../common/quote.ts";
import { type AuthorizedOperator, noSuchMachine } from "../operators/operators.ts";
import type { Action } from "../operators/rights.ts";
import { Selector } from "../selector/selector.ts";
import { findMachines, listMachineHeads, type Machine, type MachineHead } from "../store/machines.ts";
import type { ControllerParts } from "./parts.ts";

/** What people call it. */
export function calledName({ id, name }: Pick<MachineHead, "id" | "name">): string {
  return name ?? id;
}

/** @param text empty: every machine @throws {LuksmithError} "usage" */
export function selectorOf(text: string): Selector {
  return text === "" ? Selector.all : Selector.parse(text);
}

export function isSelected(selector: Selector, { name = "", labels }: Pick<MachineHead, "name" | "labels">): boolean {
  return selector.matches({ name, labels });
}

export interface VisibleMachines {
  /** By their ids. */
  readonly heads: ReadonlyMap<string, MachineHead>;
  /** undefined: nothing is left out, so that nobody need ask for each. */
  readonly ids: readonly string[] | undefined;
}

/** Those that are selected, of those that the operator sees. */
export async function visibleMachines(
  { store }: Pick<ControllerParts, "store">,
  operator: AuthorizedOperator,
  selector: Selector,
): Promise<VisibleMachines> {
  const all = await listMachineHeads(store.database);
  const visible = all.filter((head) => operator.sees(head) && isSelected(selector, head));
  const isEverything = operator.isWholeFleet && selector.isAll;
  return {
    heads: new Map(visible.map((head) => [head.id, head])),
    ids: isEverything ? undefined : visible.map(({ id }) => id),
  };
}

/**
 * The one that is called so.
 * @param text an id, a name, or a host name that one machine alone has
 * @throws {LuksmithError} "not_found", also for one that is not the operator's; "usage" when several have that host name
 */
export async function visibleMachine(
  { store, operators }: Pick<ControllerParts, "store" | "operators">,
  operator: AuthorizedOperator,
  action: Action,
  text: string,
): Promise<Machine> {
  const found = await findMachines(store.database, text);
  const visible = found.filter((machine) => operator.sees(machine));
  const [machine, ...others] = visible;
  if (machine === undefined) {
    throw found.length > 0 ? await operators.outOfScope(operator, action, text) : noSuchMachine(text);
  }
  if (others.length === 0) return machine;
  throw new LuksmithError("usage", `${visible.length} machines have the host name ${quoteText(text)}`, {
    hint: `by its id: ${visible.map(({ id }) => id).join(", ")}`,
  });
}
