/** The unit file under a real systemd: ready means ready, and the confinement lets backups through. */

import assert from "node:assert/strict";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { nbdDevices } from "../../agent/system/nbd-devices.ts";
import { configPath } from "./harness/lab-agent.ts";
import { agentUnit, ServiceScene, serviceSource } from "./harness/service-scene.ts";
import { until } from "./harness/until.ts";

async function written(path: string, text: string): Promise<string> {
  await writeFile(path, text, { mode: 0o600 });
  return path;
}

describe("the systemd unit", () => {
  const scene = ServiceScene.set();
  const snapshots = async () =>
    (await scene.luksmith("snapshots", "docs", "--json")).stdout.toString().split("\n").filter(Boolean);

  it("is started when the agent answers", async () => {
    await scene.start();
    assert.equal(await scene.systemd.show(agentUnit, "ActiveState"), "active");
    await scene.must(["status"]);
  });

  it("lets a volume be created, backed up into and restored from", async () => {
    await scene.createVolume();
    await scene.must(["backup", "docs"], ["restore", "docs", "--to", "/srv/back"]);
    assert.match((await scene.luksmith("log", "last")).stdout.toString(), /PID namespace.*: going by sshfs/);
    assert.deepEqual(
      await readFile(join("/srv/back", serviceSource, "large")),
      await readFile(join(serviceSource, "large")),
    );
    await rm("/srv/back", { recursive: true });
  });

  const startOneShot = async (unit: string, instance: string) => {
    await scene.install(`${unit}@.service`);
    await scene.install(`${unit}@.timer`);
    const service = `${unit}@${instance}.service`;
    const started = await scene.systemd.run(["systemctl", "start", service]);
    const timer = `${unit}@${instance}.timer`;
    const timed = await scene.systemd.run(["systemctl", "start", timer]);
    assert.equal(timed.exitCode, 0, timed.stderr);
    assert.match(await scene.systemd.show(timer, "NextElapseUSecRealtime"), /^\w{3} \d{4}-\d\d-\d\d /);
    await scene.systemd.run(["systemctl", "stop", timer]);
    return { service, started };
  };

  it("has a service that backs up, with a timer", async () => {
    const before = await snapshots();
    const { service, started } = await startOneShot("luksmith-backup", "docs");
    assert.equal(started.exitCode, 0, started.stderr);
    assert.equal(await scene.systemd.show(service, "Result"), "success");
    assert.equal((await snapshots()).length, before.length + 1);
  });

  // this systemd has a PID namespace of its own, as one in a container has: a device would bear a number of the first one
  it("has one that trims, with a timer, and fails where nbd devices cannot be told apart", async () => {
    const { service } = await startOneShot("luksmith-trim", "home");
    assert.equal(await scene.systemd.show(service, "ExecMainStatus"), "13");
    assert.equal(await scene.systemd.show(service, "ActiveState"), "failed");
    assert.match((await scene.luksmith("log", "last")).stdout.toString(), /in a container's PID namespace/);
    assert.deepEqual(await nbdDevices(), []);
  });

  it("opens a volume by what systemd gives it: a credential from a file, and one of its unit file", async () => {
    const keyFile = "/etc/luksmith/keys/home.key";
    const config = await readFile(configPath, "utf8");
    const withKey = (name: string) =>
      config.replace("image: home.luks,", `image: home.luks, key: { credential: ${name} },`);
    const passphrase = "of the unit file alone";
    const added = await scene.luksmith("key", "add", "home", "--key-file", await written("/srv/added.key", passphrase));
    assert.equal(added.exitCode, 0, added.stderr);
    await rename(keyFile, "/srv/credential.key");
    await scene.systemd.edit(agentUnit, `LoadCredential=loaded:/srv/credential.key\nSetCredential=set:${passphrase}`);
    for (const [name, slot] of [
      ["loaded", 0],
      ["set", 2],
    ] as const) {
      await writeFile(configPath, withKey(name));
      const restarted = await scene.systemd.run(["systemctl", "restart", agentUnit]);
      assert.equal(restarted.exitCode, 0, restarted.stderr);
      const listed = JSON.parse((await scene.luksmith("key", "list", "home", "--json")).stdout.toString());
      const own = listed.slots.find(({ kind }: { kind: string }) => kind === "agent");
      assert.deepEqual([listed.source, listed.fault, own?.slot], ["credential", null, slot]);
      await scene.must(["backup", "docs"]);
    }
    // without it, what is missing is said
    await scene.systemd.edit(agentUnit, "");
    await scene.systemd.run(["systemctl", "restart", agentUnit]);
    const failed = await scene.luksmith("backup", "docs");
    assert.match(failed.stderr, /the agent has no credential set: systemd has given it none/);
    await rename("/srv/credential.key", keyFile);
    await writeFile(configPath, config);
    await scene.systemd.run(["systemctl", "restart", agentUnit]);
  });

  it("waits to back up until whoever has the volume is done with it", async () => {
    const endless = await scene.luksmith("backup", "endless", "--detach");
    assert.equal(endless.exitCode, 0, endless.stderr);
    const service = "luksmith-backup@docs.service";
    await scene.systemd.run(["systemctl", "start", service]);
    assert.equal(await scene.systemd.show(service, "ExecMainStatus"), "11");
    assert.equal(await scene.systemd.show(service, "SubState"), "auto-restart");
    await scene.systemd.run(["systemctl", "stop", service]);
    await scene.must(["cancel", "last"]);
    const isQuiet = async () => (await scene.luksmith("status")).stdout.toString().includes("nothing runs now");
    await until(isQuiet, "it is cancelled");
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
