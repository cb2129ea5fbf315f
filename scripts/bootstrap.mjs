// Runs one of our scripts on our own Node, after seeing to it that the npm packages are there:
//   node scripts/bootstrap.mjs SCRIPT [ARGUMENT ...]
// Plain JavaScript without dependencies, because it has to run on whatever Node (18 or newer) the machine has.

import { spawn, spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
process.chdir(root);

const node = join(root, "node_modules", ".bin", "node");
// npm writes it last: without it, an installation was interrupted
const installed = join("node_modules", ".package-lock.json");
const lock = "package-lock.json";

if (!existsSync(installed) || !existsSync(node) || statSync(installed).mtimeMs < statSync(lock).mtimeMs) {
  process.stdout.write("installing the npm packages, with a Node of their own (npm ci; half a minute, once)\n");
  // The system's Node is older than what the packages ask for, of which npm would warn for each: ours is among them.
  const { status, error } = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (status !== 0 || !existsSync(node)) {
    process.stderr.write(`error: npm ci failed${error ? `: ${error.message}` : ""}\n`);
    process.stderr.write("hint: `npm ci` by hand says more; it has to be allowed to run install scripts\n");
    process.exit(1);
  }
}

const child = spawn(node, process.argv.slice(2), { stdio: "inherit" });
// the script cleans up after itself, and we wait for it
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("exit", (status, signal) => process.exit(status ?? 128 + constants.signals[signal]));
