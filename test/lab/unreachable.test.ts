/** A backup host that is down, or does not know the machine. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { identityFile } from "./harness/lab-agent.ts";
import { assertDone, homeAndDocs, Scene } from "./harness/scene.ts";

const run = promisify(execFile);
const source = "/tmp/unreachable-source";

async function makeSource(): Promise<void> {
  await mkdir(source);
  await writeFile(join(source, "first"), "first\n");
}

describe("a backup host", () => {
  const scene = Scene.set({
    prepare: makeSource,
    config: homeAndDocs(source),
    volumes: ["home"],
  });

  it("is reported as unreachable when it is down, and when it does not let us in", async () => {
    await scene.host.stop();
    const down = await scene.agent.backup("docs");
    assert.equal(down.run.error?.code, "unreachable");
    assert.match(down.run.error?.message ?? "", /nothing listens there/);
    await scene.host.start();
    // ssh reads the public half from beside the private one
    for (const half of ["", ".pub"]) await rename(`${identityFile}${half}`, `${identityFile}.right${half}`);
    await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", identityFile]);
    const stranger = await scene.agent.backup("docs");
    assert.equal(stranger.run.error?.code, "refused");
    assert.match(stranger.run.error?.message ?? "", /does not accept the key/);
    for (const half of ["", ".pub"]) await rename(`${identityFile}.right${half}`, `${identityFile}${half}`);
    assertDone(await scene.agent.backup("docs"));
  });
});
