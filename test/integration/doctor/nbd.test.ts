/** What the doctor says of network block devices: of programs that are not there, and only where somebody wants them. */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { parseAgentConfig } from "../../../agent/config/agent-config.ts";
import { examineNbd } from "../../../agent/doctor/nbd.ts";
import { isInFirstPidNamespace } from "../../../agent/system/pid-namespace.ts";
import { makeExec } from "../../../common/exec.ts";
import { Finding_Level } from "../../../proto/gen/luksmith/v1/agent.ts";

/** A machine with these programs alone, which do nothing. */
function machineWith(context: TestContext, ...programs: string[]) {
  const path = mkdtempSync(join(tmpdir(), "luksmith-doctor-"));
  context.after(() => rmSync(path, { recursive: true }));
  for (const program of programs) writeFileSync(join(path, program), "#!/bin/sh\n", { mode: 0o755 });
  return makeExec(path).exec;
}

function remotes(settings: string) {
  const identity = "identity: /etc/luksmith/ssh/id_ed25519";
  const text = `remotes: { vault: { host: vault.example.net, user: u, path: images, ${identity}, ${settings} } }`;
  return [...parseAgentConfig(text, "agent.yaml").remotes.values()];
}

/** In a container's they cannot be used, whatever is there: test/lab/service.test.ts. */
const skip = (await isInFirstPidNamespace()) ? false : "a PID namespace of its own";

describe("the doctor, of network block devices", { skip }, () => {
  it("says nothing where nobody wants them", async (t) => {
    assert.deepEqual(await examineNbd(machineWith(t), remotes("transport: sshfs")), []);
  });

  it("finds what is needed", async (t) => {
    const exec = machineWith(t, "modprobe", "nbd-client", "socat");
    const findings = await examineNbd(exec, remotes("transport: nbd, trustedWire: true"));
    assert.deepEqual(
      findings.map(({ level, subject }) => [level, subject]),
      [
        [Finding_Level.OK, "nbd"],
        [Finding_Level.OK, "nbd over TCP"],
      ],
    );
  });

  it("has a problem where there is no other way, and a warning where there is", async (t) => {
    const exec = machineWith(t, "modprobe");
    const [must] = await examineNbd(exec, remotes("transport: nbd"));
    assert.equal(must?.level, Finding_Level.PROBLEM);
    assert.match(must?.message ?? "", /^nbd-client cannot be started on this machine, and vault can be reached in no/);
    assert.equal(must?.hint, "apt-get install nbd-client");
    const [may] = await examineNbd(exec, remotes("transport: auto"));
    assert.equal(may?.level, Finding_Level.WARNING);
    assert.match(may?.message ?? "", /reached by sshfs, and nothing can be trimmed/);
    const direct = await examineNbd(exec, remotes("transport: nbd, trustedWire: true"));
    assert.deepEqual([direct[1]?.level, direct[1]?.hint], [Finding_Level.WARNING, "apt-get install socat"]);
  });
});
