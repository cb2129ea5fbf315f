/** npm run lab: runs a command as root in a throwaway virtual machine. See the usage below. */

import { resolve } from "node:path";
import { LuksmithError } from "../common/errors.ts";
import { parseDuration } from "../common/units.ts";
import { DeadlineError } from "../test/lab/harness/deadline.ts";
import { Machine } from "../test/lab/harness/machine.ts";
import { buildPrograms } from "./build.ts";
import { interruptible } from "./interruptible.ts";
import { bundleForLab } from "./lab-bundle.ts";
import { ownTerminal } from "./own-terminal.ts";
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
  const tests = command.length > 0 && command.every((word) => word.endsWith(".test.ts"));
  const bundles = tests ? await bundleForLab(command) : [];
  const timeUp = timeoutMs === undefined ? [] : [deadline(timeoutMs)];
  const say = (line: string) => console.error(line);
  await using machine = await Machine.boot({ ...options, say, signal: AbortSignal.any([signal, ...timeUp]) });
  if (tests) {
    const locations = new SourceLocations();
    return await machine.run({
      argv: ["node", "--test", "--test-isolation=none", "--test-reporter=spec", ...bundles],
      onStdout: locations.line((text) => process.stdout.write(text)),
      onStderr: locations.line((text) => process.stderr.write(text)),
    });
  }
  return await machine.run({
    argv: command.length > 0 ? command : ["bash"],
    onStdout: (piece) => process.stdout.write(piece),
    onStderr: (piece) => process.stderr.write(piece),
    terminal: terminal.guest,
  });
}

function deadline(ms: number): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => controller.abort(new DeadlineError("the time is up")), ms).unref();
  return controller.signal;
}

process.exitCode = await interruptible(main);
