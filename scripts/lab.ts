/** npm run lab: runs a command as root in a throwaway virtual machine. See the usage below. */

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { LuksmithError } from "../common/errors.ts";
import { parseDuration } from "../common/units.ts";
import { DeadlineError } from "../test/lab/harness/deadline.ts";
import { Machine, type MachineOptions } from "../test/lab/harness/machine.ts";
import { buildPrograms } from "./build.ts";
import { interruptible } from "./interruptible.ts";
import { bundleForLab } from "./lab-bundle.ts";
import { ownTerminal } from "./own-terminal.ts";
import { losesPower, runPowerCutTest } from "./power-cut-test.ts";
import { setUp } from "./setup.ts";
import { SourceLocations } from "./source-locations.ts";

const usage = `usage: npm run lab -- [OPTION ...] COMMAND [ARGUMENT ...]   run a command there
       npm run lab -- [OPTION ...] test/lab/NAME.test.ts ... run test files there
       npm run lab                                           a shell there (Ctrl-] ends the machine)

  --out DIR        this directory is /out there, read-write
  --cpus N         processors of the machine (default: 2 where there are as many)
  --memory MIB     its memory
  --timeout TIME   such as 90s or 10m; the exit code is 124 when it has passed (default: none)
`;

interface LabRequest {
  readonly out?: string;
  readonly cpus?: number;
  readonly memoryMiB?: number;
  readonly timeoutMs?: number;
  readonly command: readonly string[];
}

/** Options come first; what follows is the command's own. @throws {LuksmithError} "usage" */
function parse(argv: readonly string[]): LabRequest {
  const [option, value = "", ...rest] = argv;
  if (option === "--help") return { command: [] };
  if (option === undefined || !option.startsWith("--")) return { command: argv };
  if (option === "--") return { command: argv.slice(1) };
  const count = /^\d+$/.test(value) ? Number(value) : 0;
  const timeoutMs = parseDuration(value);
  if (option === "--out" && value !== "") return { out: resolve(value), ...parse(rest) };
  if (option === "--cpus" && count > 0) return { cpus: count, ...parse(rest) };
  if (option === "--memory" && count > 0) return { memoryMiB: count, ...parse(rest) };
  if (option === "--timeout" && timeoutMs !== undefined) return { timeoutMs, ...parse(rest) };
  throw new LuksmithError("usage", `${option} ${value} is no option of the lab`, { hint: "npm run lab -- --help" });
}

async function main(signal: AbortSignal): Promise<number> {
  const words = process.argv.slice(2);
  const request = parse(words);
  using terminal = ownTerminal(() => process.kill(process.pid, "SIGTERM"));
  if (words[0] === "--help" || (request.command.length === 0 && terminal.guest === undefined)) {
    process.stdout.write(usage);
    return words[0] === "--help" ? 0 : 2;
  }
  if (!setUp("test")) return 1;
  await buildPrograms();
  const { command, timeoutMs, ...options } = request;
  const timeUp = timeoutMs === undefined ? [] : [deadline(timeoutMs)];
  const say = (line: string) => console.error(line);
  const machineOptions = { ...options, say, signal: AbortSignal.any([signal, ...timeUp]) };
  if (command.length > 0 && command.every((word) => word.endsWith(".test.ts"))) {
    const withPowerCuts = await runPowerCutTests(command.filter(losesPower), machineOptions);
    return (
      (await runTests(
        command.filter((file) => !losesPower(file)),
        machineOptions,
      )) || withPowerCuts
    );
  }
  await using machine = await Machine.boot(machineOptions);
  return await machine.run({
    argv: command.length > 0 ? command : ["bash"],
    onStdout: (piece) => process.stdout.write(piece),
    onStderr: (piece) => process.stderr.write(piece),
    terminal: terminal.guest,
  });
}

/** All in one machine. @returns the exit code */
async function runTests(files: readonly string[], options: MachineOptions): Promise<number> {
  if (files.length === 0) return 0;
  const bundles = await bundleForLab(files);
  await using machine = await Machine.boot(options);
  const argv = ["node", "--test", "--test-isolation=none", "--test-reporter=spec", ...bundles];
  return await machine.run({ argv, ...withSourceLocations() });
}

/** Each in machines of its own; what they keep stays in a directory of `out`, where there is one. @returns the exit code */
async function runPowerCutTests(files: readonly string[], { out, ...machine }: MachineOptions): Promise<number> {
  if (files.length === 0) return 0;
  let failed = 0;
  const parent = out ?? tmpdir();
  mkdirSync(parent, { recursive: true });
  for (const bundle of await bundleForLab(files)) {
    const directory = mkdtempSync(join(parent, "luksmith-lives-"));
    try {
      failed += (await runPowerCutTest({ bundle, directory, machine, ...withSourceLocations() })).counts.failed;
    } finally {
      if (out === undefined) rmSync(directory, { recursive: true });
    }
  }
  return failed > 0 ? 1 : 0;
}

function withSourceLocations() {
  const locations = new SourceLocations();
  return {
    onStdout: locations.line((text) => process.stdout.write(text)),
    onStderr: locations.line((text) => process.stderr.write(text)),
  };
}

function deadline(ms: number): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => controller.abort(new DeadlineError("the time is up")), ms).unref();
  return controller.signal;
}

process.exitCode = await interruptible(main);
