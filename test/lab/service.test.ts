/** The unit file under a real systemd: ready means ready, the confinement lets backups through, stopping unwinds. */

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { cheapKdf, configPath, identityFile, LabAgent, remoteLine } from "./harness/lab-agent.ts";
import { assertNothingLeft, captureSystem } from "./harness/leak-check.ts";
import { SecondHost } from "./harness/second-host.ts";
import { ServiceManager, until } from "./harness/service-manager.ts";

const unit = "luksmith-agent.service";
const source = "/srv/service-source";

describe("the systemd unit", () => {
  let host: SecondHost;
  let systemd: ServiceManager;

  const luksmith = (...args: string[]) => systemd.run([process.execPath, resolve("dist/luksmith.mjs"), ...args]);
  const config = () => `
${remoteLine(host)}
volumes: { home: { remote: vault, image: home.luks, size: 64M, ${cheapKdf} } }
jobs:
  docs: { volume: home, sources: [${source}] }
  endless: { volume: home, sources: [${source}], bandwidthLimit: 20K }
`;
  /** Until the volume's file system is mounted, on the host and not only where the service sees it. */
  const mounted = async () => {
    const isMounted = async () =>
      (await captureSystem()).some(({ what, name }) => what === "mount" && name.includes("/files"));
    await until(isMounted, "the volume is mounted");
  };

  before(async () => {
    await LabAgent.forget();
    host = await SecondHost.create({ identityFile });
    await mkdir(source, { recursive: true });
    await writeFile(join(source, "large"), randomBytes(3_000_000));
    await writeFile(configPath, config(), { mode: 0o600 });
    systemd = await ServiceManager.start();
    const text = await readFile(`deploy/systemd/${unit}`, "utf8");
    await systemd.install(unit, text.replaceAll("/opt/luksmith", resolve(".")));
  });
  afterEach(() => assertNothingLeft());
  after(async () => {
    await systemd[Symbol.asyncDispose]();
    await host[Symbol.asyncDispose]();
    await assertNothingLeft();
  });

  it("is started when the agent answers", async () => {
    const started = await systemd.run(["systemctl", "start", unit]);
    assert.equal(started.exitCode, 0, started.stderr);
    assert.equal(await systemd.show(unit, "ActiveState"), "active");
    const status = await luksmith("status");
    assert.equal(status.exitCode, 0, status.stderr);
  });

  it("lets a volume be created, backed up into and restored from", async () => {
    const trusted = await luksmith("remote", "trust", "vault", "--fingerprint", await host.hostKeyFingerprint());
    assert.equal(trusted.exitCode, 0, trusted.stderr);
    for (const command of [
      ["volume", "create", "home"],
      ["backup", "docs"],
      ["restore", "docs", "--to", "/srv/back"],
    ]) {
      const { exitCode, stderr } = await luksmith(...command);
      assert.equal(exitCode, 0, `${command.join(" ")}: ${stderr}`);
    }
    assert.deepEqual(await readFile(join("/srv/back", source, "large")), await readFile(join(source, "large")));
    await rm("/srv/back", { recursive: true });
  });

  it("is stopped with everything unwound, in the middle of a backup", async () => {
    await writeFile(join(source, "large"), randomBytes(3_000_000));
    const backup = luksmith("backup", "endless");
    await mounted();
    const stopped = await systemd.run(["systemctl", "stop", unit]);
    assert.equal(stopped.exitCode, 0, stopped.stderr);
    await assertNothingLeft();
    assert.equal(await systemd.show(unit, "Result"), "success");
    const { exitCode, stderr } = await backup;
    assert.equal(exitCode, 130, stderr);
  });

  it("starts the agent again when it was killed, which releases what it held", async () => {
    await systemd.run(["systemctl", "start", unit]);
    const backup = luksmith("backup", "endless");
    await mounted();
    await systemd.run(["systemctl", "kill", "--kill-whom=main", "--signal=SIGKILL", unit]);
    await backup;
    const isBack = async () =>
      (await systemd.show(unit, "NRestarts")) === "1" && (await luksmith("status")).exitCode === 0;
    await until(isBack, "the agent is back");
    await assertNothingLeft();
    const next = await luksmith("backup", "docs");
    assert.equal(next.exitCode, 0, next.stderr);
    await systemd.run(["systemctl", "stop", unit]);
  });

  it("is not started over and over with a configuration that cannot be used", async () => {
    await writeFile(configPath, "nonsense: true\n");
    const started = await systemd.run(["systemctl", "start", unit]);
    assert.notEqual(started.exitCode, 0);
    assert.equal(await systemd.show(unit, "ExecMainStatus"), "2");
    assert.equal(await systemd.show(unit, "ActiveState"), "failed");
    assert.equal(await systemd.show(unit, "NRestarts"), "0");
  });
});
