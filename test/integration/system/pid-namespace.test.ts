/** Whether process numbers are the kernel's own, asked by a process for which they are not. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";

const exec = promisify(execFile);

describe("a process in a PID namespace of its own", () => {
  it("knows that the kernel calls processes otherwise", async () => {
    const module = resolve("agent/system/pid-namespace.ts");
    const script = `import(${JSON.stringify(module)}).then(async (it) => console.log(await it.isInFirstPidNamespace()))`;
    const inside = ["--pid", "--fork", "--mount-proc", process.execPath, "--eval", script];
    const { stdout } = await exec("unshare", inside);
    assert.equal(stdout, "false\n");
  });
});
