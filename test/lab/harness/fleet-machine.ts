/**
 * A machine of a fleet inside the lab: a network namespace with an address of its own, from which the backup host and this machine can
 * be reached, and a place for an agent's files. The kernel's devices are everybody's: no two machines may have volumes of one name.
 */

import { existsSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeExec, mustRun } from "../../../common/exec.ts";
import type { AgentPlace } from "./lab-agent.ts";
import type { SecondHost } from "./second-host.ts";

const { exec } = makeExec();
const deadlineMs = 60_000;

export class FleetMachine implements AsyncDisposable {
  readonly name: string;
  /** Where it reaches this machine. */
  readonly gateway: string;
  readonly stateDir: string;
  readonly place: AgentPlace;
  readonly #link: string;

  /** @param number from 1 to 250; another one for each */
  static async create(name: string, number: number, host: SecondHost): Promise<FleetMachine> {
    const machine = new FleetMachine(name, number);
    await machine.#takeDown();
    const theirs = `${machine.#link}b`;
    await ip("netns", "add", name);
    await ip("link", "add", machine.#link, "type", "veth", "peer", "name", theirs, "netns", name);
    await ip("address", "add", `${machine.gateway}/24`, "dev", machine.#link);
    await ip("link", "set", machine.#link, "up");
    await ip("-n", name, "link", "set", "lo", "up");
    await ip("-n", name, "address", "add", `10.98.${number}.2/24`, "dev", theirs);
    await ip("-n", name, "link", "set", theirs, "up");
    await ip("-n", name, "route", "add", "default", "via", machine.gateway);
    await writeFile("/proc/sys/net/ipv4/ip_forward", "1");
    await host.run("ip", "route", "replace", "10.98.0.0/16", "via", "10.99.0.1");
    return machine;
  }

  private constructor(name: string, number: number) {
    this.name = name;
    this.gateway = `10.98.${number}.1`;
    this.stateDir = `/var/lib/luksmith-${name}`;
    this.#link = `fleet${number}`;
    this.place = {
      configPath: `/etc/luksmith-${name}/agent.yaml`,
      runtimeDir: `/run/luksmith-${name}`,
      namespace: name,
    };
  }

  get socket(): string {
    return join(this.place.runtimeDir, "agent.sock");
  }

  /** What its configuration begins with. */
  get places(): string {
    const { runtimeDir } = this.place;
    return `socket: { path: ${this.socket} }\nstateDir: ${this.stateDir}\nruntimeDir: ${runtimeDir}\n`;
  }

  /** No packet of its comes anywhere any more. */
  async unplug(): Promise<void> {
    await ip("link", "set", this.#link, "down");
  }

  async plugIn(): Promise<void> {
    await ip("link", "set", this.#link, "up");
  }

  async #takeDown(): Promise<void> {
    if (existsSync(`/run/netns/${this.name}`)) await ip("netns", "delete", this.name);
    // goes with the namespace, but a moment later
    if (existsSync(`/sys/class/net/${this.#link}`)) {
      await exec({ file: "ip", args: ["link", "delete", this.#link], deadlineMs });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#takeDown();
    for (const path of [this.stateDir, `/etc/luksmith-${this.name}`]) await rm(path, { recursive: true, force: true });
  }
}

async function ip(...args: string[]): Promise<void> {
  await mustRun(exec, { file: "ip", args, deadlineMs });
}
