/**
 * Loaded in front of the program: writes the address of every module that it loads to the file LOADED_MODULES, and in
 * the end the names of Node's own, as in "loaded net", whoever it was that loaded them.
 */

import { appendFileSync } from "node:fs";
import { registerHooks } from "node:module";

const file = process.env.LOADED_MODULES ?? "/dev/null";

registerHooks({
  load: (url, context, nextLoad) => {
    appendFileSync(file, `${url}\n`);
    return nextLoad(url, context);
  },
});

declare const process: NodeJS.Process & {
  /** Undocumented, and there since Node 0.10. */
  readonly moduleLoadList: readonly string[];
};

process.once("exit", () => {
  for (const entry of process.moduleLoadList) {
    if (entry.startsWith("NativeModule ")) appendFileSync(file, `${entry.replace("NativeModule", "loaded")}\n`);
  }
});
