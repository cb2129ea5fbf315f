/** npm run bench [-- --rtt 0,20,50 --files 2000 --tools "by hand,luksmith"]: measures in the lab, and writes bench.md. */

import { mkdir, writeFile } from "node:fs/promises";
import { Machine } from "../test/lab/harness/machine.ts";
import { programStartMs } from "../test/lab/harness/program-start.ts";
import { benchTables, type Measurement } from "./bench-table.ts";
import { buildPrograms } from "./build.ts";
import { interruptible } from "./interruptible.ts";
import { bundleForLab } from "./lab-bundle.ts";
import { setUp } from "./setup.ts";

const deadlineMs = 3 * 3_600_000;
const outputFile = "dist/bench.md";

async function main(signal: AbortSignal): Promise<number> {
  if (!setUp("bench")) return 1;
  await buildPrograms();
  const [bench = ""] = await bundleForLab(["test/lab/bench.ts"]);
  const measurements: Measurement[] = [];
  const starts = { here: await programStartMs(), lab: 0 };
  let rest = "";
  await using machine = await Machine.boot({ say: (line) => console.error(line), signal });
  const exitCode = await machine.run({
    argv: [process.execPath, bench, ...process.argv.slice(2)],
    onStdout: (piece) => {
      const lines = (rest + piece.toString()).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const said: Measurement | { programStartMs: number } = JSON.parse(line);
        if ("programStartMs" in said) {
          starts.lab = said.programStartMs;
          continue;
        }
        const measurement = said;
        measurements.push(measurement);
        const { tool, row, rttMs, seconds, failed } = measurement;
        console.log(`${rttMs} ms  ${tool.padEnd(13)} ${row.padEnd(17)} ${failed ?? `${seconds.toFixed(1)} s`}`);
      }
    },
    onStderr: (piece) => process.stderr.write(piece),
    deadlineMs,
  });
  const tables = `${benchTables(measurements)}\n${programStarts(starts)}\n`;
  await mkdir("dist", { recursive: true });
  await writeFile(outputFile, tables);
  console.log(`\n${tables}\nwritten to ${outputFile}`);
  return exitCode;
}

function programStarts({ here, lab }: { here: number; lab: number }): string {
  return `Starting a program took ${lab.toFixed(0)} ms in the lab, and ${here.toFixed(1)} ms on the machine that emulates it.`;
}

process.exitCode = await interruptible(main);
