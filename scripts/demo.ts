/** npm run demo: the main job for real, then a fleet, in a virtual machine that is gone afterwards. */

import { Machine } from "../test/lab/harness/machine.ts";
import { buildPrograms } from "./build.ts";
import { interruptible } from "./interruptible.ts";
import { bundleForLab } from "./lab-bundle.ts";
import { setUp } from "./setup.ts";

const deadlineMs = 30 * 60_000;

async function main(signal: AbortSignal): Promise<number> {
  if (!setUp("test")) return 1;
  await buildPrograms();
  const acts = await bundleForLab(["test/lab/demo/programs/first-act.ts", "test/lab/demo/programs/second-act.ts"]);
  console.log("starting a virtual machine (it shares this machine's files, read-only, and is gone afterwards)");
  await using machine = await Machine.boot({ say: (line) => console.log(line), signal });
  const { rows = 24, columns = 80, isTTY } = process.stdout;
  for (const act of acts) {
    const exitCode = await machine.run({
      argv: [process.execPath, act],
      onStdout: (piece) => process.stdout.write(piece),
      onStderr: (piece) => process.stderr.write(piece),
      ...(isTTY ? { terminal: { rows, columns, onInput: () => undefined } } : {}),
      deadlineMs,
    });
    if (exitCode !== 0) return exitCode;
  }
  return 0;
}

process.exitCode = await interruptible(main);
