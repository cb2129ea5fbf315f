/**
 * An agent that has one run under way and stays: argv is the state directory and the verb. Prints the run's id when
 * what the run did so far is on record.
 */

import { setInterval } from "node:timers";
import { RunManager } from "../../../agent/runs/run-manager.ts";
import { RunStore } from "../../../agent/runs/run-store.ts";
import { systemClock } from "../../../common/clock.ts";
import { makeLog } from "../../../common/log.ts";
import { verbFromJSON } from "../../../proto/gen/luksmith/v1/types.ts";
import { backupOfHome } from "./agent-life.ts";

const [directory = "", verb = ""] = process.argv.slice(2);
const log = makeLog("killed-agent", "fatal");
const runs = new RunManager(RunStore.open(directory, log), systemClock, log);
const { id } = runs.start({ ...backupOfHome, verb: verbFromJSON(verb) }, async (context) => {
  await context.step("connect", async () => {
    for (let n = 0; n < 10; n += 1) context.note(`note ${n}`);
  });
  return context.step("copy", () => {
    console.log(id);
    return new Promise(() => setInterval(() => undefined, 60_000));
  });
});
