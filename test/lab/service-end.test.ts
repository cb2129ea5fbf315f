/** The unit file under a real systemd: stopping unwinds, and an agent that was killed comes back and cleans up. */

import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { assertNothingLeft } from "./harness/leak-check.ts";
import { agentUnit, ServiceScene } from "./harness/service-scene.ts";
import { until } from "./harness/until.ts";

describe("the systemd unit", () => {
  const scene = ServiceScene.set();
  before(async () => {
    await scene.start();
    await scene.createVolume();
  });

  it("is stopped with everything unwound, in the middle of a backup", async () => {
    const backup = scene.luksmith("backup", "endless");
    await scene.mounted();
    const stopped = await scene.systemd.run(["systemctl", "stop", agentUnit]);
    assert.equal(stopped.exitCode, 0, stopped.stderr);
    await assertNothingLeft();
    assert.equal(await scene.systemd.show(agentUnit, "Result"), "success");
    const { exitCode, stderr } = await backup;
    assert.equal(exitCode, 130, stderr);
  });

  it("starts the agent again when it was killed, which releases what it held", async () => {
    await scene.start();
    const backup = scene.luksmith("backup", "endless");
    await scene.mounted();
    await scene.systemd.run(["systemctl", "kill", "--kill-whom=main", "--signal=SIGKILL", agentUnit]);
    await backup;
    const isBack = async () =>
      (await scene.systemd.show(agentUnit, "NRestarts")) === "1" && (await scene.luksmith("status")).exitCode === 0;
    await until(isBack, "the agent is back");
    await assertNothingLeft();
    await scene.must(["backup", "docs"]);
    await scene.systemd.run(["systemctl", "stop", agentUnit]);
  });
});
