/** What can be said of the code without running it: types, style, imports between programs, dead code, generated code. */

import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

interface Verdict {
  readonly name: string;
  /** What the tool said. */
  readonly complaint: string | undefined;
}

/** All at once. @returns the names of the checks that failed, which have been shown */
export async function runStaticChecks(): Promise<string[]> {
  const verdicts = await Promise.all([
    check("types (tsc)", "tsc", "--noEmit", "-p", "."),
    check("style and imports (biome)", "biome", "ci", "--colors=off", "--error-on-warnings", "."),
    check("protocol (buf lint)", "buf", "lint"),
    checkGenerated(),
    check("dead code (knip)", "knip", "--no-progress"),
  ]);
  for (const { name, complaint } of verdicts) {
    console.log(`  ${complaint === undefined ? "ok    " : "FAILED"} ${name}`);
    if (complaint !== undefined) console.log(complaint.replace(/^/gm, "    "));
  }
  return verdicts.filter(({ complaint }) => complaint !== undefined).map(({ name }) => name);
}

/** Whether proto/gen is what the proto files say. */
async function checkGenerated(): Promise<Verdict> {
  const fresh = mkdtempSync(join(tmpdir(), "luksmith-generated-"));
  try {
    const made = await check("generated code (buf generate)", "buf", "generate", "-o", fresh);
    if (made.complaint !== undefined) return made;
    const same = await run("diff", ["-r", join(fresh, "proto/gen"), "proto/gen"]);
    return { name: "generated code", complaint: same === undefined ? undefined : `npm run generate\n${same}` };
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

async function check(name: string, tool: string, ...args: string[]): Promise<Verdict> {
  return { name, complaint: await run(join("node_modules", ".bin", tool), args) };
}

/** @returns what it said when it failed */
function run(file: string, args: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(file, args, { maxBuffer: 64 * 2 ** 20 }, (error, stdout, stderr) => {
      resolve(error === null ? undefined : `${stdout}${stderr}` || error.message);
    });
  });
}
