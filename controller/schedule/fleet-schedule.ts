/** A schedule of the fleet: which machines, what, when, and how many at a time. */

import * as z from "zod";
import type { Schedule } from "../../common/schedule/schedule.ts";
import { type FleetVerb, fleetVerbNames, type VerifyLevel, verifyLevels } from "./fleet-verb.ts";

export interface FleetSchedule extends Schedule {
  readonly name: string;
  /** As `Selector` writes it. */
  readonly selector: string;
  readonly verb: FleetVerb;
  /** Of a verb on a job; "*": each of the machine's. */
  readonly job: string | undefined;
  /** Of a verb on a volume. */
  readonly volume: string | undefined;
  readonly level: VerifyLevel | undefined;
  /** How many runs of it at a time; undefined: as many as there are. */
  readonly maxConcurrent: { readonly fleet: number | undefined; readonly perBackupHost: number | undefined };
  /** Is told of each run's start and end, as healthchecks.io has it; `{machine}` and `{job}` in it stand for theirs. */
  readonly ping: string | undefined;
}

const ms = z.int().min(0);

/** What JSON leaves of one. It was checked when it was applied, by rules that may have been others. */
const storedSchema = z
  .object({
    name: z.string(),
    selector: z.string(),
    verb: z.enum(fleetVerbNames),
    job: z.string().optional(),
    volume: z.string().optional(),
    level: z.enum(verifyLevels).optional(),
    cron: z.string(),
    timezone: z.string().optional(),
    splayMs: ms,
    windows: z.array(z.object({ days: z.array(z.int()), fromMinute: z.int(), toMinute: z.int() })),
    maxAgeMs: ms.optional(),
    retry: z
      .object({ attempts: z.int().optional(), firstWaitMs: ms.optional(), longestWaitMs: ms.optional() })
      .optional(),
    deadlineMs: ms.optional(),
    maxConcurrent: z.object({ fleet: z.int().optional(), perBackupHost: z.int().optional() }),
    ping: z.string().optional(),
  })
  .transform(
    ({ retry, maxConcurrent, ...rest }): FleetSchedule => ({
      ...rest,
      job: rest.job,
      volume: rest.volume,
      level: rest.level,
      timezone: rest.timezone,
      maxAgeMs: rest.maxAgeMs,
      retry: retry && {
        attempts: retry.attempts,
        firstWaitMs: retry.firstWaitMs,
        longestWaitMs: retry.longestWaitMs,
      },
      deadlineMs: rest.deadlineMs,
      maxConcurrent: { fleet: maxConcurrent.fleet, perBackupHost: maxConcurrent.perBackupHost },
      ping: rest.ping,
    }),
  );

export function scheduleToJson(schedule: FleetSchedule): string {
  return JSON.stringify(schedule);
}

/** @throws {z.ZodError | SyntaxError} for what no controller has written */
export function scheduleFromJson(json: string): FleetSchedule {
  return storedSchema.parse(JSON.parse(json));
}

/** @param job of the machine's; empty: what a verb on a volume is about */
export function isAboutJob({ job: asked = "" }: Pick<FleetSchedule, "job">, job: string): boolean {
  return asked === "*" || asked === job;
}
