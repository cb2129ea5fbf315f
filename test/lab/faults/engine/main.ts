/** What scripts/soak.ts runs in the lab, once in each life of the machine. */

import { parseArgs } from "node:util";
import { ways } from "../../harness/over.ts";
import { runEngine } from "./engine.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    faults: { type: "string" },
    minutes: { type: "string" },
    over: { type: "string", default: "sshfs" },
  },
});
const { seed = "", faults, minutes } = values;
const over = Object.hasOwn(ways, values.over) ? ways[values.over] : undefined;
if (over === undefined) throw new Error(`--over ${values.over}: one of ${Object.keys(ways).join(", ")}`);

try {
  await runEngine({
    seed,
    over,
    faults: faults === undefined ? Number.POSITIVE_INFINITY : Number(faults),
    minutes: minutes === undefined ? undefined : Number(minutes),
  });
} catch {
  // the engine has said it
  process.exitCode = 1;
}
