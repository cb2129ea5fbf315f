/** A job: what is backed up, into which volume, with which hooks. */

import * as z from "zod";
import { deadlineSchema } from "../../common/config/deadline.ts";
import { absolutePathSchema, accountSchema, nameSchema } from "../../common/config/names.ts";
import { durationSchema, sizeSchema } from "../../common/config/quantity.ts";
import { timezoneSchema } from "../../common/config/timezone.ts";
import { type Schedule, scheduleSchema } from "../../common/schedule/schedule.ts";
import { type Argv, commandSchema } from "./command.ts";
import { type KeepPolicy, keepSchema, toKeepPolicy } from "./keep.ts";
import { uniqueList } from "./unique-list.ts";

export interface JobConfig {
  readonly name: string;
  readonly volume: string;
  /** Absolute, tidied, none twice; at least one, unless the user names them. One may lie inside another. */
  readonly sources: readonly string[];
  /** Whose rights the sources are read with, and whose files a snapshot's are; undefined: root reads them as they are. */
  readonly user: string | undefined;
  /** Where that user may name sources; absolute, tidied. */
  readonly sourcesBelow: readonly string[];
  /** Patterns of rsync(1), FILTER RULES; none that rsync would read as a rule of another kind. */
  readonly exclude: readonly string[];
  readonly before: readonly Argv[];
  readonly after: readonly Argv[];
  /** For each hook. */
  readonly hookTimeoutMs: number;
  /** Bytes per second; undefined = as fast as it goes. */
  readonly bandwidthLimit: number | undefined;
  readonly oneFileSystem: boolean;
  /** Of a backup; undefined = as for every run. */
  readonly deadlineMs: number | undefined;
  /** Undefined: nothing is removed by itself. */
  readonly keep: KeepPolicy | undefined;
  /** An IANA name: where the days of `keep` begin; undefined: where the machine is. */
  readonly timezone: string | undefined;
  /** Undefined: a backup begins when somebody asks for it. Without a time zone of its own it goes by the job's. */
  readonly schedule: Schedule | undefined;
}

/** A day more than any dump takes, and within what a timer of Node's can hold (2^31 ms). */
const maxHookTimeoutMs = 7 * 86_400_000;
/** rsync(1) --bwlimit counts in KiB, and 0 of them would mean "no limit". */
const minBandwidthLimit = 1024;

/**
 * Even in --exclude, rsync takes "+ x" for an include rule, "- x" for an exclude rule and "!" for "forget the rules
 * so far" (rsync(1), FILTER RULES).
 */
const excludeSchema = z.string().superRefine((pattern, context) => {
  const fault =
    pattern === ""
      ? "must not be empty"
      : /[\p{Cc}]/u.test(pattern)
        ? "must not contain control characters; ? matches any one of them"
        : /^([+-][ _]|!$)/.test(pattern)
          ? 'rsync would take this for a rule, not a pattern; put "[+]", "[-]" or "[!]" for its first character'
          : undefined;
  if (fault !== undefined) context.addIssue({ code: "custom", message: fault });
});

const jobUserSchema = accountSchema.refine((name) => name !== "root", {
  error: "root needs no job of its own: leave `user` out",
});

export const jobFileSchema = z
  .strictObject({
    volume: nameSchema.describe("The volume that takes the snapshots"),
    sources: uniqueList(absolutePathSchema)
      .default([])
      .describe("Directories and files to back up, by absolute path; at least one, unless there is sourcesBelow"),
    user: jobUserSchema.optional().describe("A user of this machine: sources are read with their rights alone"),
    sourcesBelow: uniqueList(absolutePathSchema)
      .default([])
      .describe("Directories: what lies in them the user may name, luksmith backup JOB PATH"),
    exclude: uniqueList(excludeSchema).default([]).describe("Patterns of rsync(1), FILTER RULES"),
    before: z
      .array(commandSchema)
      .default([])
      .describe("Programs to run first; exit 75 skips this run without failing"),
    after: z.array(commandSchema).default([]).describe("Programs to run afterwards, whatever came of the backup"),
    hookTimeout: durationSchema({ min: 1000, max: maxHookTimeoutMs })
      .prefault("30m")
      .describe("How long each hook may take"),
    bandwidthLimit: sizeSchema({ min: minBandwidthLimit }).optional().describe("Bytes per second, such as 5M"),
    oneFileSystem: z.boolean().default(true).describe("Do not descend into what is mounted below a source"),
    deadline: deadlineSchema.optional().describe("A backup that takes longer is ended; left out: runs.deadline"),
    keep: keepSchema
      .optional()
      .describe("Which snapshots stay; left out: all, until luksmith prune is told what to remove"),
    timezone: timezoneSchema
      .optional()
      .describe("Where the hours, days, weeks, months and years of keep begin; left out: the machine's own time zone"),
    schedule: scheduleSchema.optional().describe("When the job is backed up by itself; left out: only when asked for"),
  })
  .superRefine((job, context) => {
    const { sources, sourcesBelow, user } = job;
    if (sources.length + sourcesBelow.length === 0) {
      context.addIssue({ code: "custom", path: ["sources"], message: "must name at least one directory or file" });
    }
    if (sourcesBelow.length > 0 && user === undefined) {
      context.addIssue({
        code: "custom",
        path: ["sourcesBelow"],
        message: "is for the user of a job, who is not named",
      });
    }
  });

export function toJobConfig(
  name: string,
  { hookTimeout, bandwidthLimit, deadline, keep, timezone, user, schedule, ...rest }: z.output<typeof jobFileSchema>,
): JobConfig {
  return {
    name,
    ...rest,
    user,
    hookTimeoutMs: hookTimeout,
    bandwidthLimit,
    deadlineMs: deadline,
    keep: keep && toKeepPolicy(keep),
    timezone,
    schedule,
  };
}
