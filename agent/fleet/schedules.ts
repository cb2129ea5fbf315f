/**
 * The schedules of the fleet that are this machine's: kept on its disk, and gone by whether a controller is there or not. What the machine's own
 * configuration does not allow is not done, and said to be refused.
 */

import { join } from "node:path";
import * as z from "zod";
import { writeFileDurably } from "../../common/durable-file.ts";
import { toErrorDetail } from "../../common/error-wire.ts";
import { LuksmithError } from "../../common/errors.ts";
import { readIfThere } from "../../common/if-there.ts";
import type { Log } from "../../common/log.ts";
import { type RefusedAssignment, type ScheduleAssignment, Schedules } from "../../proto/gen/luksmith/v1/fleet.ts";
import type { AgentConfig } from "../config/agent-config.ts";
import { readAssignment } from "../schedule/assignment.ts";
import { mostGiven, type Scheduler } from "../schedule/scheduler.ts";
import { findJob, findVolume } from "../volume/target.ts";
import { requireAllowed, workWords } from "./allowed.ts";
import { requireWork } from "./orders.ts";

/** As many as a fleet can have. Of these the machine goes by fewer, and says so of each that is left out. */
const mostAssignments = 500;
const longestRevision = 128;
/** Of what is refused: a name that is one is shorter. */
const longestName = 64;

export class FleetSchedules {
  readonly #file: string;
  readonly #config: AgentConfig;
  readonly #scheduler: Pick<Scheduler, "setAssignments">;
  readonly #log: Log;
  #revision = "";
  #refused: readonly RefusedAssignment[] = [];

  constructor(config: AgentConfig, scheduler: Pick<Scheduler, "setAssignments">, log: Log) {
    this.#file = join(config.stateDir, "fleet", "schedules.json");
    this.#config = config;
    this.#scheduler = scheduler;
    this.#log = log;
  }

  /** Of what is gone by; empty: nothing. */
  get revision(): string {
    return this.#revision;
  }

  get refused(): readonly RefusedAssignment[] {
    return this.#refused;
  }

  /** What the machine had when it was last told. Never throws: then it waits for the controller. */
  async load(machineId: string): Promise<void> {
    try {
      const text = await readIfThere(this.#file);
      if (text === undefined) return;
      const { machine, schedules } = unpack(text);
      // those of another fleet's, or of a machine that this one no longer is
      if (machine === machineId) this.#go(requireSchedules(schedules));
    } catch (error) {
      this.#log.error(
        { err: error, file: this.#file },
        "the schedules of the fleet cannot be read: waiting for the controller",
      );
    }
  }

  /** Nothing of a fleet's is done any more. */
  forget(): void {
    this.#go(Schedules.create());
  }

  /** @throws {LuksmithError} "usage" for what is none; what the file system says: then those before stay */
  async take(machineId: string, given: Schedules): Promise<void> {
    const schedules = requireSchedules(given);
    await writeFileDurably(this.#file, pack(machineId, schedules), 0o600);
    this.#go(schedules);
  }

  #go({ revision, assignments }: Schedules): void {
    const refused: RefusedAssignment[] = [];
    let count = 0;
    const taken = assignments.filter((assignment) => {
      try {
        this.#require(assignment);
        if (count >= mostGiven) throw tooMany();
        count += 1;
        return true;
      } catch (error) {
        const { schedule, work } = assignment;
        const { job = "", volume = "" } = work ?? {};
        // with longer ones no controller would hear the machine any more
        const names = { schedule: short(schedule), job: short(job), volume: short(volume) };
        refused.push({ ...names, error: toErrorDetail(error), occurrence: undefined });
        return false;
      }
    });
    this.#scheduler.setAssignments(taken);
    this.#revision = revision;
    this.#refused = refused;
    this.#log.info({ revision, assignments: taken.length, refused: refused.length }, "schedules of the fleet");
  }

  #require(assignment: ScheduleAssignment): void {
    const { verb, job, volume } = requireWork(assignment.work, "each");
    requireAllowed(this.#config.controller.allow, workWords[verb]);
    readAssignment(assignment);
    if (job !== "" && job !== "*") findJob(this.#config, job);
    if (volume !== "" && volume !== "*") findVolume(this.#config, volume);
  }
}

function requireSchedules(schedules: Schedules): Schedules {
  const { revision, assignments } = schedules;
  if (revision.length > longestRevision) throw unusable("their revision is none");
  if (assignments.length > mostAssignments) throw unusable(`there are more than ${mostAssignments}`);
  return schedules;
}

function short(name: string): string {
  return name.slice(0, longestName).toWellFormed();
}

function tooMany(): LuksmithError {
  return new LuksmithError("usage", `the machine goes by ${mostGiven} schedules at the most`);
}

function unusable(why: string): LuksmithError {
  return new LuksmithError("usage", `schedules that are none: ${why}`);
}

function pack(machineId: string, schedules: Schedules): string {
  return `${JSON.stringify({ machine: machineId, schedules: Schedules.toJSON(schedules) }, null, 2)}\n`;
}

function unpack(text: string): { machine: string; schedules: Schedules } {
  const { machine, schedules } = z.object({ machine: z.string(), schedules: z.unknown() }).parse(JSON.parse(text));
  return { machine, schedules: Schedules.fromJSON(schedules) };
}
