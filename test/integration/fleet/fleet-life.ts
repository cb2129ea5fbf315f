/** One agent on a state directory, as far as its fleet is concerned. What its runs do is up to the test. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { pino } from "pino";
import { UserDatabase } from "../../../agent/access/user-database.ts";
import { AuditLog } from "../../../agent/audit/audit-log.ts";
import type { AuditEntry } from "../../../agent/audit/entry.ts";
import { parseAgentConfig } from "../../../agent/config/agent-config.ts";
import { Fleet } from "../../../agent/fleet/fleet.ts";
import { IdentityFile } from "../../../agent/fleet/identity-file.ts";
import { Change } from "../../../agent/runs/change.ts";
import type { RunWork } from "../../../agent/runs/context.ts";
import { RunManager } from "../../../agent/runs/run-manager.ts";
import { RunStore } from "../../../agent/runs/run-store.ts";
import type { NotBegun, Permit } from "../../../agent/schedule/scheduler.ts";
import { PinStore } from "../../../agent/volume/pin.ts";
import { findJob, findVolume } from "../../../agent/volume/target.ts";
import { systemClock } from "../../../common/clock.ts";
import { makeExec } from "../../../common/exec.ts";
import type { Log } from "../../../common/log.ts";
import type { ScheduleAssignment, Work } from "../../../proto/gen/luksmith/v1/fleet.ts";
import type { Run } from "../../../proto/gen/luksmith/v1/types.ts";
import type { TestFleet } from "./scripted-controller.ts";

/** Volumes `home` and `srv`, with a job of the same name in each, and `etc` in the first. */
export function configText(stateDir: string, controller = "{}"): string {
  return `
stateDir: ${stateDir}
remotes: { vault: { host: vault.example.net, user: web01 } }
volumes:
  home: { remote: vault, image: home.luks, size: 1G }
  srv: { remote: vault, image: srv.luks, size: 1G }
jobs:
  home: { volume: home, sources: [/home] }
  etc: { volume: home, sources: [/etc] }
  srv: { volume: srv, sources: [/srv] }
controller: ${controller}
`;
}

export const done: RunWork = async () => ({ state: "done", summary: "all of it" });

export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly err?: { readonly message: string };
}

interface LifeOptions {
  /** As in the configuration. */
  readonly controller?: string;
  /** Of each wait, from 0 to 1. Default: none is longer than it has to be. */
  readonly random?: number;
  /** In the place of beginning a run. */
  readonly startWork?: () => Promise<never>;
  /** When a run has been written down as an order's. */
  readonly onRegistered?: () => void;
}

export class FleetLife {
  readonly store: RunStore;
  readonly runs: RunManager;
  readonly audit: AuditLog;
  readonly identities: IdentityFile;
  readonly fleet: Fleet;
  readonly logged: LogLine[] = [];
  readonly started: Work[] = [];
  /** What the scheduler is given. */
  assignments: readonly ScheduleAssignment[] = [];
  permit: Permit | undefined;
  /** What it says that it could not begin; the bell is rung by the test. */
  notBegun: NotBegun[] = [];
  readonly begunOrNot = new Change();
  work: RunWork = done;

  constructor(stateDir: string, { controller = "{}", random = 0, startWork, onRegistered }: LifeOptions = {}) {
    const log: Log = pino({ level: "trace" }, { write: (line: string) => void this.logged.push(JSON.parse(line)) });
    const config = parseAgentConfig(configText(stateDir, controller), "agent.yaml");
    const { exec, start } = makeExec();
    this.store = RunStore.open(stateDir, log);
    this.audit = new AuditLog(stateDir, systemClock, log);
    this.runs = new RunManager(this.store, systemClock, log, (run, { granted }) => this.audit.started(run, granted));
    const host = { exec, start, clock: systemClock, log, runtimeDir: stateDir, stateDir };
    const users = new UserDatabase(exec, systemClock);
    const pins = new PinStore(stateDir);
    this.identities = new IdentityFile(stateDir, () => void this.fleet.identityChanged());
    this.fleet = new Fleet({
      machine: { config, host, pins, runs: this.runs, users },
      store: this.store,
      audit: this.audit,
      identities: this.identities,
      scheduler: {
        setAssignments: (given) => {
          this.assignments = given;
          return [];
        },
        notBegun: () => this.notBegun,
        begunOrNot: this.begunOrNot,
        usePermits: (permit) => {
          this.permit = permit;
        },
      },
      startWork: async (work, { caller, registered: tell }) => {
        if (startWork !== undefined) return startWork();
        const registered = (run: Run) => {
          tell(run);
          onRegistered?.();
        };
        const { verb, dryRun } = work;
        const job = work.job === "" ? undefined : findJob(config, work.job);
        const volume = job?.volume ?? findVolume(config, work.volume).volume.name;
        const run = this.runs.start({ verb, volume, job: work.job, dryRun, caller, registered }, (context) =>
          this.work(context),
        );
        this.started.push(work);
        return { run };
      },
      random: () => random,
    });
  }

  async begin(): Promise<this> {
    await this.fleet.begin();
    return this;
  }

  async end(): Promise<void> {
    await this.fleet.close();
    await this.runs.close();
    this.store.close();
    this.audit.close();
  }

  async audited(): Promise<AuditEntry[]> {
    const entries: AuditEntry[] = [];
    for await (const reading of this.audit.read({})) entries.push(...reading.entries);
    return entries;
  }

  faults(): string[] {
    return this.logged.filter(({ level }) => level >= 50).map(({ msg, err }) => `${msg}: ${err?.message}`);
  }
}

export function stateDirectory(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "luksmith-fleet-"));
  context.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

/** As after `luksmith enroll`. */
export async function enrol(
  stateDir: string,
  fleet: TestFleet,
  addresses: readonly string[],
  lifeMs?: number,
  trusted: readonly TestFleet[] = [fleet],
): Promise<void> {
  const { certificate, key } = await fleet.credential("machine", "m1", lifeMs);
  const authorities = trusted.map(({ authority }) => authority.certificate).join("");
  await new IdentityFile(stateDir).enrolled("m1", key, { certificate, authorities, addresses: [...addresses] });
}
