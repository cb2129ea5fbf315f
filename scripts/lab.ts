/** npm run lab -- COMMAND [ARGUMENT ...]: runs it as root in a throwaway virtual machine. A test file is run by node --test. */

import { Machine } from "../test/lab/harness/machine.ts";
import { buildPrograms } from "./build.ts";
import { bundleForLab } from "./lab-bundle.ts";
import { setUp } from "./setup.ts";

const usageExitCode = 2;

async function main(argv: readonly string[]): Promise<number> {
  if (argv.length === 0) {
    console.error("usage: npm run lab -- COMMAND [ARGUMENT ...]\n       npm run lab -- test/lab/NAME.test.ts [...]");
    return usageExitCode;
  }
  if (!setUp("test")) return 1;
  const interrupted = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => interrupted.abort(new Error(signal)));
  await buildPrograms();
  const areTests = argv.every((word) => word.endsWith(".test.ts"));
  const command = areTests ? [process.execPath, "--test", ...(await bundleForLab(argv))] : argv;
  await using machine = await Machine.boot({ say: (line) => console.error(line), signal: interrupted.signal });
  return await machine.run({
    argv: command,
    onStdout: (piece) => process.stdout.write(piece),
    onStderr: (piece) => process.stderr.write(piece),
  });
}

process.exitCode = await main(process.argv.slice(2));
