/** Whom an operator's "now" is for, and who cannot be asked. Pure. */

import { longestDeadlineMs, shortestDeadlineMs } from "../../common/config/deadline.ts";
import { namePattern } from "../../common/config/names.ts";
import { LuksmithError } from "../../common/errors.ts";
import { quoteText } from "../../common/quote.ts";
import { longestWaitMs, mostAttempts } from "../../common/schedule/retry-rule.ts";
import { plural } from "../../common/units.ts";
import type { Inventory, Work } from "../../proto/gen/luksmith/v1/fleet.ts";
import { type FleetVerb, fleetVerbNames, fleetVerbOf, fleetVerbs, verifyLevels } from "../schedule/fleet-verb.ts";
import { namesEveryMachine, type Selector } from "../selector/selector.ts";

export interface AskedMachine {
  readonly id: string;
  readonly name: string;
  readonly hostname: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly state: "pending" | "active" | "revoked";
  readonly inventory: Inventory;
}

export interface DispatchPlan<Asked extends AskedMachine> {
  readonly asked: readonly Asked[];
  readonly skipped: readonly { readonly machine: Asked; readonly reason: string }[];
}

/** What an operator wants done, whose words have been checked. */
export interface CheckedWork {
  readonly work: Work;
  readonly verb: FleetVerb;
}

/** @throws {LuksmithError} "usage" */
export function checkWork(work: Work | undefined): CheckedWork {
  const verb = work === undefined ? undefined : fleetVerbOf(work.verb);
  if (work === undefined || verb === undefined) {
    throw wrong("that cannot be asked of machines", `it can be: ${fleetVerbNames.join(", ")}`);
  }
  const { about } = fleetVerbs[verb];
  const [name, other] = about === "job" ? [work.job, work.volume] : [work.volume, work.job];
  if (other !== "")
    throw wrong(`${verb} is about a ${about} alone`, `luksmith fleet run SELECTOR ${verb} ${about.toUpperCase()}`);
  if (!namePattern.test(name)) {
    throw wrong(`${quoteText(name)} cannot be the name of a ${about}`, "1 to 32 of a-z, 0-9, _ and -; one at a time");
  }
  if (work.level !== "" && (verb !== "verify" || !verifyLevels.some((level) => level === work.level))) {
    throw wrong(`${quoteText(work.level)} is no level of ${verb}`, `verify has ${verifyLevels.join(", ")}`);
  }
  const { deadlineMs, retry } = work;
  if (deadlineMs > 0 && deadlineMs < shortestDeadlineMs)
    throw wrong(`the deadline is shorter than ${shortestDeadlineMs / 1000} seconds`, "--deadline 6h");
  if (deadlineMs > longestDeadlineMs) throw wrong("the deadline is longer than 20 days", "--deadline 6h");
  if (
    retry !== undefined &&
    (retry.attempts > mostAttempts || Math.max(retry.waitMs, retry.longestWaitMs) > longestWaitMs)
  ) {
    throw wrong("no run tries so often, or waits so long", `${mostAttempts} attempts and a day are the most`);
  }
  return { work, verb };
}

/**
 * @param machines all that the operator may know of
 * @throws {LuksmithError} "usage" when every machine is selected, and that was not said; "not_found" when there is none
 */
export function planDispatch<Asked extends AskedMachine>(
  { work, verb }: CheckedWork,
  selector: Selector,
  machines: readonly Asked[],
  everyMachine: boolean,
): DispatchPlan<Asked> {
  const present = machines.filter(({ state }) => state !== "revoked");
  const selected = machines.filter((machine) => selector.matches(machine));
  if (selected.length === 0) {
    throw new LuksmithError("not_found", `no machine fits ${quoteText(selector.text)}`, {
      hint: "luksmith fleet machines shows their labels",
    });
  }
  const selectedPresent = selected.filter(({ state }) => state !== "revoked");
  if (!everyMachine && namesEveryMachine(selector, selectedPresent.length, present.length)) {
    throw new LuksmithError(
      "usage",
      `${quoteText(selector.text)} is every machine: ${plural(present.length, "machine")}`,
      {
        hint: "--all-machines, if that is meant; otherwise a selector that says which",
      },
    );
  }
  const judged = selected.map((machine) => ({ machine, reason: whyNot(machine, work, verb) }));
  return {
    asked: judged.filter(({ reason }) => reason === undefined).map(({ machine }) => machine),
    skipped: judged.flatMap(({ machine, reason }) => (reason === undefined ? [] : [{ machine, reason }])),
  };
}

function whyNot({ state, inventory }: AskedMachine, { job, volume }: Work, verb: FleetVerb): string | undefined {
  if (state === "revoked") return "it is revoked";
  if (state === "pending") return "it waits to be accepted: luksmith fleet accept";
  const { jobs, volumes, allowed } = inventory;
  // what a machine that has never come has, nobody knows: it will say so itself
  if (jobs.length === 0 && volumes.length === 0 && allowed.length === 0) return undefined;
  if (!allowed.includes(verb)) return `its configuration does not allow ${verb} (controller.allow)`;
  // without that word it does not say what it has
  if (!allowed.includes("status")) return undefined;
  if (fleetVerbs[verb].about === "job" && !jobs.some(({ name }) => name === job)) return `it has no job ${job}`;
  if (fleetVerbs[verb].about === "volume" && !volumes.some(({ name }) => name === volume)) {
    return `it has no volume ${volume}`;
  }
  return undefined;
}

function wrong(message: string, hint: string): LuksmithError {
  return new LuksmithError("usage", message, { hint });
}
