/**
 * An agent that is to be killed: argv is its state directory and where it stays. Prints "accepted" with an order written down and nothing
 * begun, "registered" with the order's run written down and not yet on record, "begun" with the run under way, "ended" when it is over
 * and the controller has not heard of that.
 */

import { setInterval } from "node:timers";
import { FleetLife } from "./fleet-life.ts";

const [directory = "", where = ""] = process.argv.slice(2);
const forEver = () => new Promise<never>(() => setInterval(() => undefined, 60_000));

const life = new FleetLife(directory, {
  ...(where === "accepted"
    ? {
        startWork: async () => {
          console.log("accepted");
          return forEver();
        },
      }
    : {}),
  ...(where === "registered"
    ? {
        onRegistered: () => {
          // the next that a run manager does is to put the run on record
          console.log("registered");
          process.kill(process.pid, "SIGKILL");
        },
      }
    : {}),
});
life.work = async () => {
  if (where === "ended") return { state: "done", summary: "" };
  console.log("begun");
  return forEver();
};
await life.begin();
if (where === "ended") {
  await life.runs.begun.wait(new AbortController().signal);
  const [run] = life.runs.running();
  if (run !== undefined) await life.runs.wait(run.id);
  console.log("ended");
}
await forEver();
