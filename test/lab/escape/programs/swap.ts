/**
 * Exchanges a directory and a symbolic link for one another, as fast as it can: swap.ts LEADS-TO DIRECTORY ... Says "ready" when it has
 * begun, and how often it did when its standard input ends. What is not there yet it waits for.
 */

import { lstatSync, renameSync, rmSync, symlinkSync } from "node:fs";

const [target = "", ...directories] = process.argv.slice(2);
let ending = false;
process.stdin.once("end", () => {
  ending = true;
});
process.stdin.resume();
process.stdout.write("ready\n");

let rounds = 0;

/** A directory becomes a link, and a link the directory again; each stays what it is for one round of all. */
function exchange(directory: string): void {
  const aside = `${directory}.aside`;
  try {
    if (lstatSync(directory).isSymbolicLink()) {
      rmSync(directory);
      renameSync(aside, directory);
    } else {
      // of whoever has made it anew meanwhile
      rmSync(aside, { recursive: true, force: true });
      renameSync(directory, aside);
      symlinkSync(target, directory);
    }
    rounds += 1;
  } catch {
    // it is not there yet, or is being made anew at this moment
  }
}

function go(): void {
  for (const directory of directories) exchange(directory);
  if (ending) {
    process.stdout.write(`${rounds}\n`, () => process.exit());
    return;
  }
  setImmediate(go);
}

go();
