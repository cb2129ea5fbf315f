/** A fleet of simulated machines in a few processes. */

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { systemClock } from "../../common/clock.ts";
import { waitUntil } from "../../common/wait-until.ts";
import type { FleetToJoin } from "./simulated-agent.ts";
import type { SimulatorOrder, SimulatorReport } from "./simulator.ts";

/** One process of Node's holds some thousand connections before its own work delays them. */
const machinesEach = 2500;
const phaseMs = 15 * 60_000;

const nothingYet: SimulatorReport = {
  ...{
    connected: 0,
    disconnects: 0,
    asked: 0,
    recorded: 0,
    beats: 0,
    scheduled: 0,
    lastConnectedAt: 0,
    lastAskedAt: 0,
    lastRecordedAt: 0,
    lastScheduledAt: 0,
  },
  askedAt: [],
  reasons: {},
};

export class Simulation implements AsyncDisposable {
  readonly #processes: { readonly child: ChildProcess; report: SimulatorReport }[] = [];
  readonly #machines: number;

  /** @param identities a file, see SimulatorOrder */
  constructor(machines: number, identities: string, fleet: FleetToJoin, perSecond: number) {
    this.#machines = machines;
    const processes = Math.ceil(machines / machinesEach);
    for (let number = 0; number < processes; number += 1) {
      const child = fork(new URL("./simulator.ts", import.meta.url), {
        stdio: ["ignore", "inherit", "inherit", "ipc"],
      });
      const entry = { child, report: nothingYet };
      child.on("message", (report: SimulatorReport) => {
        entry.report = report;
      });
      const from = number * machinesEach;
      const order: SimulatorOrder = {
        ...{ kind: "join", identities, fleet, from, to: Math.min(machines, from + machinesEach) },
        perSecond: perSecond / processes,
      };
      child.send(order);
      this.#processes.push(entry);
    }
  }

  get machines(): number {
    return this.#machines;
  }

  sum(what: "connected" | "disconnects" | "asked" | "recorded" | "beats" | "scheduled"): number {
    return this.#processes.reduce((sum, { report }) => sum + report[what], 0);
  }

  latest(what: "lastConnectedAt" | "lastAskedAt" | "lastRecordedAt" | "lastScheduledAt"): number {
    return Math.max(...this.#processes.map(({ report }) => report[what]));
  }

  get askedAt(): number[] {
    return this.#processes.flatMap(({ report }) => report.askedAt);
  }

  get reasons(): string {
    return JSON.stringify(this.#processes.map(({ report }) => report.reasons));
  }

  /** Counts from nothing again. */
  async reset(): Promise<void> {
    for (const { child } of this.#processes) child.send({ kind: "reset" });
    await this.until(
      "the counts to be nothing",
      () => this.sum("asked") + this.sum("recorded") + this.sum("disconnects") + this.sum("scheduled") === 0,
    );
  }

  /** @throws when it does not come true */
  async until(what: string, isSo: () => boolean): Promise<void> {
    const came = await waitUntil(systemClock, phaseMs, () => {
      const ended = this.#processes.find(({ child }) => child.exitCode !== null);
      if (ended !== undefined) throw new Error(`a simulator ended with ${ended.child.exitCode}`);
      return isSo();
    });
    if (came) return;
    const now = `${this.sum("connected")} connected, ${this.sum("asked")} asked, ${this.sum("recorded")} recorded`;
    throw new Error(`waited in vain for ${what}: ${now}; ${this.reasons}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      this.#processes.map(async ({ child }) => {
        if (child.exitCode !== null) return;
        const exited = once(child, "exit");
        child.kill("SIGKILL");
        await exited;
      }),
    );
  }
}
