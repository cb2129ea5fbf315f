/** The agent as a service: a systemd, the unit file, a backup host and a source, and at last nothing left of them. */

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { after, afterEach, before } from "node:test";
import type { Finished } from "../../../common/exec.ts";
import { cheapKdf, configPath, identityFile, LabAgent, remoteLine } from "./lab-agent.ts";
import { assertNothingLeft, captureSystem } from "./leak-check.ts";
import { SecondHost } from "./second-host.ts";
import { ServiceManager } from "./service-manager.ts";
import { until } from "./until.ts";

export const agentUnit = "luksmith-agent.service";
export const serviceSource = "/srv/service-source";

/** Over what it is to go is left to the agent. A volume `home`, a job `docs`, and a job `endless` that is not done before the test is. */
const config = `
${remoteLine(SecondHost, "transport: auto")}
volumes: { home: { remote: vault, image: home.luks, size: 64M, ${cheapKdf} } }
jobs:
  docs: { volume: home, sources: [${serviceSource}] }
  endless: { volume: home, sources: [${serviceSource}], bandwidthLimit: 20K }
`;

export class ServiceScene {
  #host: SecondHost | undefined;
  #systemd: ServiceManager | undefined;

  /** To be called in a `describe`: registers its hooks there. The unit is installed, and not started. */
  static set(): ServiceScene {
    const scene = new ServiceScene();
    before(async () => {
      await LabAgent.forget();
      scene.#host = await SecondHost.create({ identityFile, helper: {} });
      await mkdir(serviceSource, { recursive: true });
      await writeFile(join(serviceSource, "large"), randomBytes(3_000_000));
      await writeFile(configPath, config, { mode: 0o600 });
      scene.#systemd = await ServiceManager.start();
      await scene.install(agentUnit);
    });
    afterEach(() => assertNothingLeft());
    after(async () => {
      await scene.#systemd?.[Symbol.asyncDispose]();
      await scene.#host?.[Symbol.asyncDispose]();
      await assertNothingLeft();
    });
    return scene;
  }

  get systemd(): ServiceManager {
    assert.ok(this.#systemd, "the scene is set when the first test begins");
    return this.#systemd;
  }

  /** @param unit a file of deploy/systemd, with the paths of this place */
  async install(unit: string): Promise<void> {
    const text = await readFile(`deploy/systemd/${unit}`, "utf8");
    const here = text
      .replaceAll(
        "ExecStart=/usr/local/bin/luksmith ",
        `ExecStart=${process.execPath} ${resolve("dist/luksmith.mjs")} `,
      )
      .replaceAll("/opt/luksmith", resolve("."));
    await this.systemd.install(unit, here);
  }

  luksmith(...args: string[]): Promise<Finished> {
    return this.systemd.run([process.execPath, resolve("dist/luksmith.mjs"), ...args]);
  }

  /** Types commands that have to succeed. */
  async must(...commands: string[][]): Promise<void> {
    for (const command of commands) {
      const { exitCode, stderr } = await this.luksmith(...command);
      assert.equal(exitCode, 0, `${command.join(" ")}: ${stderr}`);
    }
  }

  async start(): Promise<void> {
    const started = await this.systemd.run(["systemctl", "start", agentUnit]);
    assert.equal(started.exitCode, 0, started.stderr);
  }

  async createVolume(): Promise<void> {
    const fingerprint = (await this.#host?.hostKeyFingerprint()) ?? "";
    await this.must(["remote", "trust", "vault", "--fingerprint", fingerprint], ["volume", "create", "home"]);
  }

  /** Until the volume's file system is mounted, on the host and not only where the service sees it. */
  async mounted(): Promise<void> {
    const isMounted = async () =>
      (await captureSystem()).some(({ what, name }) => what === "mount" && name.includes("/files"));
    await until(isMounted, "the volume is mounted");
  }
}
