/**
 * An agent that is to be killed: argv is its state directory, its clock, how often a run may try, and where it stays. Prints what it has come to:
 * "begun" with a run under way, "written" with the run's id written down and the run not yet on record.
 */

import { setInterval } from "node:timers";
import { Run } from "../../../proto/gen/luksmith/v1/types.ts";
import { configText, ScheduledLife } from "./scheduled-life.ts";

const [directory = "", at = "", attempts = "", where = ""] = process.argv.slice(2);
const stay = () => new Promise<never>(() => setInterval(() => undefined, 60_000));
const config = configText(undefined, Number(attempts));

const life = new ScheduledLife(directory, at, {
  config,
  ...(where === "written"
    ? {
        start: async (_work, { registered }) => {
          // the next that a run manager does is to put the run on record
          registered?.(Run.create({ id: "zzzzzzzzz0" }));
          console.log("written");
          return stay();
        },
      }
    : {}),
});
life.work = async () => {
  console.log("begun");
  return stay();
};
life.begin();
