/** The unit file under a real systemd: ready means ready, and the confinement lets backups through. */

import assert from "node:assert/strict";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { configPath } from "./harness/lab-agent.ts";
import { agentUnit, ServiceScene, serviceSource } from "./harness/service-scene.ts";

describe("the systemd unit", () => {
  const scene = ServiceScene.set();

  it("is started when the agent answers", async () => {
    await scene.start();
    assert.equal(await scene.systemd.show(agentUnit, "ActiveState"), "active");
    await scene.must(["status"]);
  });

  it("lets a volume be created, backed up into and restored from", async () => {
    await scene.createVolume();
    await scene.must(["backup", "docs"], ["restore", "docs", "--to", "/srv/back"]);
    assert.deepEqual(
      await readFile(join("/srv/back", serviceSource, "large")),
      await readFile(join(serviceSource, "large")),
    );
    await rm("/srv/back", { recursive: true });
  });

  it("is not started over and over with a configuration that cannot be used", async () => {
    await scene.systemd.run(["systemctl", "stop", agentUnit]);
    await writeFile(configPath, "nonsense: true\n");
    const started = await scene.systemd.run(["systemctl", "start", agentUnit]);
    assert.notEqual(started.exitCode, 0);
    assert.equal(await scene.systemd.show(agentUnit, "ExecMainStatus"), "2");
    assert.equal(await scene.systemd.show(agentUnit, "ActiveState"), "failed");
    assert.equal(await scene.systemd.show(agentUnit, "NRestarts"), "0");
  });
});
