// Runs one of our scripts on our own Node, after seeing to it that the npm packages are there:
//   node scripts/bootstrap.mjs SCRIPT [ARGUMENT ...]
// Plain JavaScript without dependencies, because it has to run on whatever Node (18 or newer) the machine has.

import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
process.chdir(root);

const node = join(root, "node_modules", ".bin", "node");
// npm writes it last: without it, an installation was interrupted
const installed = join("node_modules", ".package-lock.json");
const lock = "package-lock.json";

const npmArgs = ["ci", "--no-audit", "--no-fund", "--loglevel=error"];
/** npm leaves out optional packages, and says nothing, when they want a newer Node than the one that it runs on. */
const oldestForAll = 22;

if (!existsSync(installed) || !existsSync(node) || statSync(installed).mtimeMs < statSync(lock).mtimeMs) {
  process.stdout.write("installing the npm packages, with a Node of their own (npm ci; half a minute, once)\n");
  // The system's Node is older than what the packages ask for, of which npm would warn for each: ours is among them.
  if (!install("npm", npmArgs)) process.exit(1);
  const npm = process.env.npm_execpath;
  if (npm !== undefined && Number.parseInt(process.versions.node, 10) < oldestForAll) {
    // once more, by that Node: a copy, since npm begins by removing it
    const directory = mkdtempSync(join(tmpdir(), "luksmith-node-"));
    const copy = join(directory, "node");
    copyFileSync(node, copy);
    const complete = install(copy, [npm, ...npmArgs]);
    rmSync(directory, { recursive: true, force: true });
    if (!complete) process.exit(1);
  }
}

/** @returns whether it worked; what went wrong has been said otherwise */
function install(program, args) {
  const { status, error } = spawnSync(program, args, { stdio: ["ignore", "inherit", "inherit"] });
  if (status === 0 && existsSync(node)) return true;
  process.stderr.write(`error: npm ci failed${error ? `: ${error.message}` : ""}\n`);
  process.stderr.write("hint: `npm ci` by hand says more; it has to be allowed to run install scripts\n");
  return false;
}

const child = spawn(node, process.argv.slice(2), { stdio: "inherit" });
// the script cleans up after itself, and we wait for it
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("exit", (status, signal) => process.exit(status ?? 128 + constants.signals[signal]));
