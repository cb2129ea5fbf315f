// Runs one of our scripts on our own Node, after seeing to it that the npm packages are there. Plain JavaScript without
// dependencies, because it has to run on whatever Node the machine has: node bootstrap.mjs SCRIPT [ARGUMENT ...]

import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
process.chdir(root);

const installed = join("node_modules", ".package-lock.json");
const node = join(root, "node_modules", ".bin", "node");
const upToDate =
  existsSync(installed) && existsSync(node) && statSync(installed).mtimeMs >= statSync("package-lock.json").mtimeMs;
if (!upToDate) {
  process.stdout.write("installing the npm packages (npm ci)\n");
  const { status } = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

const { status, signal } = spawnSync(node, process.argv.slice(2), { stdio: "inherit" });
if (signal !== null) process.kill(process.pid, signal);
process.exit(status ?? 1);
