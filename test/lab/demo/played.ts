import assert from "node:assert/strict";
import { makeExec } from "../../../common/exec.ts";
import { assertNothingLeft } from "../harness/leak-check.ts";
import { nothingLeft } from "./stage.ts";

const deadlineMs = 15 * 60_000;
const { exec } = makeExec();

/**
 * Plays an act of the demonstration to its end. @returns what was to be seen
 * @param name of a program beside
 */
export async function played(name: string): Promise<string> {
  const { exitCode, stdout, stderr } = await exec({
    file: process.execPath,
    args: [`dist/lab/demo/programs/${name}.mjs`],
    deadlineMs,
  });
  const seen = stdout.toString();
  assert.equal(exitCode, 0, `${seen}\n${stderr}`);
  assert.ok(seen.trimEnd().endsWith(nothingLeft), seen);
  await assertNothingLeft();
  return seen;
}
