/**
 * npm run bench: measures in the lab, and writes what came of it into docs/BENCHMARKS.md; with options, which choose a part
 * of it, into dist/bench.md alone. The options are those of test/lab/bench.ts, such as
 * npm run bench -- --rtt 20 --sets small --files 1000 --tools "by hand,restic" --rows "nothing changed"
 */

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { version } from "../common/version.ts";
import { Machine } from "../test/lab/harness/machine.ts";
import { nbdServerStartMs } from "../test/lab/harness/nbd-server-start.ts";
import { programStartMs } from "../test/lab/harness/program-start.ts";
import { results, withResults } from "./bench-document.ts";
import type { Measurement } from "./bench-table.ts";
import { buildPrograms } from "./build.ts";
import { interruptible } from "./interruptible.ts";
import { bundleForLab } from "./lab-bundle.ts";
import { setUp } from "./setup.ts";

const deadlineMs = 3 * 3_600_000;
const partFile = "dist/bench.md";
const documentFile = "docs/BENCHMARKS.md";

interface Beginning {
  readonly programStartMs: number;
  readonly nbdServerStartMs: number;
  readonly versions: Record<string, string>;
}

async function main(signal: AbortSignal): Promise<number> {
  if (!setUp("bench")) return 1;
  await buildPrograms();
  const [bench = ""] = await bundleForLab(["test/lab/bench.ts"]);
  const options = process.argv.slice(2);
  const measurements: Measurement[] = [];
  const here = { program: await programStartMs(), nbdServer: await nbdServerStartMs() };
  let beginning: Beginning = { programStartMs: 0, nbdServerStartMs: 0, versions: {} };
  let rest = "";
  await using machine = await Machine.boot({ say: (line) => console.error(line), signal });
  const exitCode = await machine.run({
    argv: [process.execPath, bench, ...options],
    onStdout: (piece) => {
      const lines = (rest + piece.toString()).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const said: Measurement | Beginning = JSON.parse(line);
        if ("versions" in said) {
          beginning = said;
          continue;
        }
        measurements.push(said);
        console.log(inWords(said));
      }
    },
    onStderr: (piece) => process.stderr.write(piece),
    deadlineMs,
  });
  const text = results({
    measurements,
    command: ["npm run bench", ...(options.length > 0 ? ["--", ...options.map(quoted)] : [])].join(" "),
    versions: { luksmith: version, ...beginning.versions },
    programStartMs: { here: here.program, lab: beginning.programStartMs },
    nbdServerStartMs: { here: here.nbdServer, lab: beginning.nbdServerStartMs },
  });
  await mkdir("dist", { recursive: true });
  await writeFile(partFile, `${text}\n`);
  console.log(`\n${text}\n\nwritten to ${partFile}`);
  // what the document says is of one whole run
  if (exitCode === 0 && options.length === 0) {
    await writeFile(documentFile, withResults(await readFile(documentFile, "utf8"), text));
    console.log(`and to ${documentFile}`);
  }
  return exitCode;
}

function inWords({ set, rttMs, tool, row, seconds, failed }: Measurement): string {
  const [words = ""] = set.split(" (");
  const came = failed === undefined ? `${seconds.toFixed(1)} s` : `failed: ${failed.split("\n")[0]}`;
  return `${words.padEnd(16)} ${`${rttMs} ms`.padStart(5)}  ${row.padEnd(19)} ${tool.padEnd(15)} ${came}`;
}

function quoted(word: string): string {
  return /^[\w.,=-]+$/.test(word) ? word : `"${word}"`;
}

process.exitCode = await interruptible(main);
