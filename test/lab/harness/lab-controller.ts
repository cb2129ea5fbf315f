/** A fleet's controller beside the agent, as the bundle that is installed, and its first operator. */

import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { systemClock } from "../../../common/clock.ts";
import { type Child, makeExec, mustRun } from "../../../common/exec.ts";
import { waitUntil } from "../../../common/wait-until.ts";
import { cli } from "./lab-agent.ts";

const { exec, start } = makeExec();
const program = resolve("dist/luksmith-controller.mjs");
const deadlineMs = 120_000;
const startDeadlineMs = 60_000;
const stateDir = "/var/lib/luksmith-controller";
const address = "127.0.0.1:7443";

export class LabController implements AsyncDisposable {
  readonly #child: Child;
  #logged = "";

  /** The beginning of a fleet, with nothing in it. */
  static async begin(): Promise<LabController> {
    await rm(stateDir, { recursive: true, force: true });
    await mustRun(exec, { file: process.execPath, args: [program, "init", "--address", address], deadlineMs });
    const controller = new LabController();
    const isReady = await waitUntil(systemClock, startDeadlineMs, () => controller.#logged.includes('"ready"'));
    if (isReady) return controller;
    await controller[Symbol.asyncDispose]();
    throw new Error(`the controller did not start: ${controller.#logged}`);
  }

  private constructor() {
    this.#child = start({
      file: process.execPath,
      args: [program, "serve", "--listen", address, "--http", "127.0.0.1:7480"],
      onStderr: (chunk) => {
        this.#logged += chunk.toString();
      },
      graceMs: deadlineMs,
    });
  }

  /** `luksmith fleet ...`, by the first operator. */
  fleet(...args: string[]) {
    return cli(["fleet", "--fleet", join(stateDir, "admin.yaml"), ...args]);
  }

  /** The same, which is to succeed. @returns what it printed */
  async says(...args: string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.fleet(...args);
    assert.equal(exitCode, 0, `${args.join(" ")}: ${stdout}${stderr}`);
    return stdout.toString();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child.stop();
    await rm(stateDir, { recursive: true, force: true });
  }
}
