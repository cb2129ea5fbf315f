/** When something is to be done by itself, as people write it down. */

import * as z from "zod";
import { deadlineSchema } from "../config/deadline.ts";
import { durationSchema } from "../config/quantity.ts";
import { timezoneSchema } from "../config/timezone.ts";
import { cronFault } from "./occurrences.ts";
import { type RetryRule, retryRuleSchema } from "./retry-rule.ts";
import { type ScheduleTimes, timesFaults } from "./times-faults.ts";
import type { Window } from "./windows.ts";

export interface Schedule extends ScheduleTimes {
  /** IANA name; undefined: the machine's own. */
  readonly timezone: string | undefined;
  readonly retry: RetryRule | undefined;
  /** Of a run; undefined: the machine's own. */
  readonly deadlineMs: number | undefined;
}

const dayMs = 86_400_000;
const longestSplayMs = 31 * dayMs;
const longestAgeMs = 10 * 366 * dayMs;

const dayNames = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;

/** Minutes since midnight. */
const timeOfDaySchema = z
  .string({ error: 'must be a time of day in quotes, such as "22:00"' })
  .regex(/^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$/, 'must be a time of day, such as "22:00"')
  .transform((text) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3)));

const windowSchema = z
  .strictObject({
    days: z
      .array(z.enum(dayNames))
      .min(1, { error: "must name at least one day; left out: each" })
      .optional()
      .describe("Days on which it opens: mon, tue, wed, thu, fri, sat, sun; left out: each"),
    from: timeOfDaySchema.describe('When it opens, such as "22:00"'),
    to: timeOfDaySchema.describe('When it closes; "24:00" is midnight; not after `from`: on the next day'),
  })
  .superRefine(({ from, to }, context) => {
    if (from === 24 * 60) context.addIssue({ code: "custom", path: ["from"], message: 'must be before "24:00"' });
    if (from === to) context.addIssue({ code: "custom", path: ["to"], message: "must be another time than from" });
    if (to === 0) context.addIssue({ code: "custom", path: ["to"], message: 'must be "24:00" for midnight' });
  })
  .transform(
    ({ days = [], from, to }): Window => ({
      days: days.map((day) => dayNames.indexOf(day) + 1),
      fromMinute: from,
      toMinute: to,
    }),
  );

const cronSchema = z
  .string({ error: 'must be a cron expression, such as "0 2 * * *"' })
  .superRefine((cron, context) => {
    const message = cronFault(cron);
    if (message !== undefined) context.addIssue({ code: "custom", message });
  });

export const scheduleSchema = z
  .strictObject({
    cron: cronSchema.describe('Minute, hour, day, month, weekday, as in crontab(5), or a nickname such as "@daily"'),
    timezone: timezoneSchema.optional().describe("Where cron and windows count; left out: the machine's own time zone"),
    splay: durationSchema({ min: 0, max: longestSplayMs })
      .prefault("0s")
      .describe("Each machine begins at its own moment within so much time"),
    windows: z.array(windowSchema).default([]).describe("When a run may begin; what is due waits; left out: always"),
    maxAge: durationSchema({ min: 60_000, max: longestAgeMs })
      .optional()
      .describe("A backup is overdue, and begun, when the newest good snapshot is older"),
    retry: retryRuleSchema.optional().describe("How often a run tries; left out: as every run of the machine"),
    deadline: deadlineSchema
      .optional()
      .describe("A run that takes longer is ended; left out: as every run of the machine"),
  })
  .transform(
    ({ splay, maxAge, deadline, ...rest }): Schedule => ({
      ...rest,
      timezone: rest.timezone,
      retry: rest.retry,
      splayMs: splay,
      maxAgeMs: maxAge,
      deadlineMs: deadline,
    }),
  )
  .superRefine((schedule, context) => {
    for (const { key, message } of timesFaults(schedule)) {
      context.addIssue({ code: "custom", path: [key], message });
    }
  });
