/** What it costs to start a small program from Node: thirty times as much in the lab as outside. */

import { makeExec } from "../../../common/exec.ts";

const samples = 20;

/** Milliseconds for one, from the call to its end: the median. */
export async function programStartMs(): Promise<number> {
  const { exec } = makeExec();
  const taken: number[] = [];
  for (let sample = 0; sample < samples; sample += 1) {
    const began = performance.now();
    await exec({ file: "mv", args: ["--version"], brief: true });
    taken.push(performance.now() - began);
  }
  return taken.toSorted((one, other) => one - other)[samples / 2] ?? 0;
}
