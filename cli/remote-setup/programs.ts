/** What is sent to a backup host: the helper, its gate, and the Node that they have been tested with. */

import { realpath, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { LuksmithError } from "../../common/errors.ts";
import { sha256OfFile } from "../../common/sha256.ts";

export interface Program {
  /** There, in a directory of its own. */
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

export interface Programs {
  readonly node: Program;
  readonly helper: Program;
  readonly gate: Program;
}

/** As Node calls the processor, and as uname(1) does. */
const hardwareOf: Readonly<Record<string, string>> = { x64: "x86_64", arm64: "aarch64" };

/** @param script this program's own: the others are beside it, or in the dist/ that a checkout has made */
export async function findPrograms(script: string): Promise<Programs> {
  const beside = dirname(await realpath(script));
  const directories = [beside, join(beside, "../dist")];
  const [node, helper, gate] = await Promise.all([
    program("node", [process.execPath]),
    program(
      "luksmith-helper.mjs",
      directories.map((directory) => join(directory, "luksmith-helper.mjs")),
    ),
    program(
      "luksmith-helper-gate",
      directories.map((directory) => join(directory, "luksmith-helper-gate")),
    ),
  ]);
  return { node, helper, gate };
}

/** Whether our Node runs there, as far as the processor goes. */
export function runsOn(hardware: string): boolean {
  return hardwareOf[process.arch] === hardware;
}

async function program(name: string, candidates: readonly string[]): Promise<Program> {
  for (const path of candidates) {
    const found = await stat(path).catch(() => undefined);
    if (found?.isFile()) return { name, path, bytes: found.size, sha256: await sha256OfFile(path) };
  }
  throw new LuksmithError("not_found", `${name} is not where luksmith is`, { hint: "npm run build makes it" });
}
