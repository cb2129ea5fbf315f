/** What scripts/soak.ts runs in the lab, once in each life of the machine. */

import { parseArgs } from "node:util";
import { runEngine } from "./engine.ts";

const { values } = parseArgs({
  options: { seed: { type: "string" }, faults: { type: "string" }, minutes: { type: "string" } },
});
const { seed = "", faults, minutes } = values;

try {
  await runEngine({
    seed,
    faults: faults === undefined ? Number.POSITIVE_INFINITY : Number(faults),
    minutes: minutes === undefined ? undefined : Number(minutes),
  });
} catch {
  // the engine has said it
  process.exitCode = 1;
}
