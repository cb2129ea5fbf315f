/** What can be said of the code without running it: types, style, imports between programs, dead code, generated code. */

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const bin = (name: string) => join("node_modules", ".bin", name);

/** @returns the names of the checks that failed */
export function runStaticChecks(): string[] {
  const fresh = mkdtempSync(join(tmpdir(), "luksmith-generated-"));
  try {
    const checks: [string, string, string[]][] = [
      ["types (tsc)", bin("tsc"), ["--noEmit", "-p", "."]],
      ["style and imports (biome)", bin("biome"), ["ci", "--error-on-warnings", "."]],
      ["protocol (buf lint)", bin("buf"), ["lint"]],
      ["generated code (buf generate)", bin("buf"), ["generate", "-o", fresh]],
      ["generated code is up to date", "diff", ["-r", join(fresh, "proto/gen"), "proto/gen"]],
      ["dead code (knip)", bin("knip"), ["--no-progress"]],
    ];
    return checks.filter(([name, file, args]) => !passes(name, file, args)).map(([name]) => name);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

function passes(name: string, file: string, args: string[]): boolean {
  const { status, stdout, stderr } = spawnSync(file, args, { encoding: "utf8" });
  console.log(`  ${status === 0 ? "ok    " : "FAILED"} ${name}`);
  if (status !== 0) console.log(`${stdout}${stderr}`);
  return status === 0;
}
