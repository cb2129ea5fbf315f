/** npm run test:soak: random faults in the lab, one after another, until one of them is not survived. See the usage below. */

import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { LuksmithError } from "../common/errors.ts";
import { runInLives } from "../test/lab/harness/lives.ts";
import { ways } from "../test/lab/harness/over.ts";
import { buildPrograms } from "./build.ts";
import { interruptible } from "./interruptible.ts";
import { bundleForLab } from "./lab-bundle.ts";
import { setUp } from "./setup.ts";
import { SourceLocations } from "./source-locations.ts";

const usage = `usage: npm run test:soak -- [--minutes N] [--faults N] [--seed S] [--cpus N] [--over WAY] [--out DIR]

  --minutes N   no further fault begins after that (default: 30, when --faults is not given either)
  --faults N    so many, and no more
  --seed S      what happens, and when; the same again for the same words (default: a new one, which is printed)
  --cpus N      processors of the machine (default: 1)
  --over WAY    how the images are reached: sshfs, tunnel or tcp (nbd); or btrfs, in images over sshfs (default: sshfs)
  --out DIR     the state is kept there; when something fails, it is always kept, and its place is printed
`;

interface SoakRequest {
  readonly seed: string;
  readonly minutes: number | undefined;
  readonly faults: number | undefined;
  readonly cpus: number;
  readonly over: string;
  readonly out: string | undefined;
}

/** @throws {LuksmithError} "usage" */
function parse(args: string[]): SoakRequest {
  const option = { type: "string" } as const;
  const options = { minutes: option, faults: option, seed: option, cpus: option, over: option, out: option };
  try {
    const { values } = parseArgs({ args, options, strict: true, allowPositionals: false });
    const { seed = randomBytes(4).toString("hex"), over = "sshfs", out } = values;
    if (!Object.hasOwn(ways, over)) throw new Error(`--over ${over}: one of ${Object.keys(ways).join(", ")}`);
    const faults = count("--faults", values.faults);
    const minutes = count("--minutes", values.minutes) ?? (faults === undefined ? 30 : undefined);
    const cpus = count("--cpus", values.cpus) ?? 1;
    return { seed, minutes, faults, cpus, over, out: out === undefined ? undefined : resolve(out) };
  } catch (error) {
    throw new LuksmithError("usage", (error as Error).message, { hint: usage });
  }
}

function count(option: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (!/^[1-9]\d*$/.test(value)) throw new Error(`${option} ${value}: a whole number is wanted, 1 or more`);
  return Number(value);
}

async function main(signal: AbortSignal): Promise<number> {
  if (process.argv.includes("--help")) {
    process.stdout.write(usage);
    return 0;
  }
  const { seed, minutes, faults, cpus, over, out } = parse(process.argv.slice(2));
  if (!setUp("test")) return 1;
  await buildPrograms();
  const [engine = ""] = await bundleForLab(["test/lab/faults/engine/main.ts"]);
  const parent = out ?? tmpdir();
  mkdirSync(parent, { recursive: true });
  const directory = mkdtempSync(join(parent, "luksmith-soak-"));
  const locations = new SourceLocations();
  const argv = [
    ...[process.execPath, engine, "--seed", seed, "--over", over],
    ...(minutes === undefined ? [] : ["--minutes", `${minutes}`]),
    ...(faults === undefined ? [] : ["--faults", `${faults}`]),
  ];
  console.log(`seed ${seed}`);
  let exitCode = 1;
  try {
    const end = await runInLives({
      directory,
      machine: { cpus, signal, say: (line) => console.error(line) },
      command: (life) => {
        if (life > 1) console.log(`life ${life} of the machine`);
        return {
          argv,
          onStdout: locations.line((text) => process.stdout.write(text)),
          onStderr: locations.line((text) => process.stderr.write(text)),
        };
      },
    });
    exitCode = end.exitCode;
  } finally {
    if (out === undefined && exitCode === 0) rmSync(directory, { recursive: true });
    else console.log(`the state of it all: ${directory}; what happened: ${join(directory, "out/engine/log")}`);
  }
  return exitCode;
}

process.exitCode = await interruptible(main);
