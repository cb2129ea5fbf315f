/**
 * Schedules as people write them. A document is one schedule, a list of them, or `schedules:` with a list or with a mapping from names;
 * and a file may have several documents.
 */

import * as z from "zod";
import { byName } from "../../common/config/by-name.ts";
import { type DocumentIssue, readConfigs } from "../../common/config/file.ts";
import { nameOrAllSchema, nameSchema } from "../../common/config/names.ts";
import type { ConfigPath } from "../../common/config/path.ts";
import { quoteText } from "../../common/quote.ts";
import { scheduleSchema } from "../../common/schedule/schedule.ts";
import { timesFaults } from "../../common/schedule/times-faults.ts";
import { Selector } from "../selector/selector.ts";
import type { FleetSchedule } from "./fleet-schedule.ts";
import { type FleetVerb, fleetVerbNames, fleetVerbs, verifyLevels } from "./fleet-verb.ts";

/** Each of them is looked at for each machine. */
const mostSchedules = 500;
const mostConcurrent = 1_000_000;
const longestPing = 500;

const selectorSchema = z.string().transform((text, context) => {
  const selector = Selector.read(text);
  if (selector instanceof Selector) return selector.text;
  context.addIssue({ code: "custom", message: `${selector.message} (${selector.hint})` });
  return z.NEVER;
});

const concurrentSchema = z.int().min(1).max(mostConcurrent);

const pingSchema = z.string().superRefine((text, context) => {
  const message = pingFault(text);
  if (message !== undefined) context.addIssue({ code: "custom", message });
});

const writtenSchema = z.strictObject({
  ...scheduleSchema.in.shape,
  selector: selectorSchema,
  verb: z.enum(fleetVerbNames),
  job: nameOrAllSchema.optional(),
  volume: nameSchema.optional(),
  level: z.enum(verifyLevels).optional(),
  maxConcurrent: z
    .strictObject({ fleet: concurrentSchema.optional(), perBackupHost: concurrentSchema.optional() })
    .optional(),
  ping: pingSchema.optional(),
});

type Written = z.output<typeof writtenSchema>;

/** With the name inside, or in front. */
const namedSchema = writtenSchema
  .extend({ name: nameSchema })
  .superRefine(refineTask, { when: ({ value }) => isMapping(value) })
  .superRefine(refineTimes)
  .transform(({ name, ...written }) => toSchedule(name, written));
const unnamedSchema = writtenSchema
  .superRefine(refineTask, { when: ({ value }) => isMapping(value) })
  .superRefine(refineTimes);

/** A schedule, and where in its document it stands. */
interface Placed {
  readonly at: ConfigPath;
  readonly schedule: FleetSchedule;
}

/**
 * @param fileName stands in front of each fault
 * @throws {LuksmithError} "config" whose message has a line for each fault
 */
export function readSchedules(text: string, fileName: string): FleetSchedule[] {
  return readConfigs(schemaOf, text, fileName, togetherFaults)
    .flat()
    .map(({ schedule }) => schedule);
}

function schemaOf(value: unknown): z.ZodType<Placed[]> {
  if (Array.isArray(value)) return listSchema([]);
  if (!isMapping(value) || !("schedules" in value)) {
    return namedSchema.transform((schedule) => [{ at: [], schedule }]);
  }
  const at = ["schedules"];
  const schedules = Array.isArray(value.schedules) ? listSchema(at) : mappingSchema(at);
  return z.strictObject({ schedules }).transform((document) => document.schedules);
}

function listSchema(at: ConfigPath): z.ZodType<Placed[]> {
  return z.array(namedSchema).transform((list) => list.map((schedule, index) => ({ at: [...at, index], schedule })));
}

function mappingSchema(at: ConfigPath): z.ZodType<Placed[]> {
  return byName(unnamedSchema).transform((record) =>
    Object.entries(record).map(([name, written]) => ({ at: [...at, name], schedule: toSchedule(name, written) })),
  );
}

function toSchedule(name: string, { splay, maxAge, deadline, maxConcurrent, ...written }: Written): FleetSchedule {
  return {
    ...written,
    name,
    job: written.job,
    volume: written.volume,
    level: written.level,
    timezone: written.timezone,
    splayMs: splay,
    maxAgeMs: maxAge,
    retry: written.retry,
    deadlineMs: deadline,
    maxConcurrent: { fleet: maxConcurrent?.fleet, perBackupHost: maxConcurrent?.perBackupHost },
    ping: written.ping,
  };
}

/** Also said of one that has other faults. */
function refineTask(written: Partial<Written>, context: z.RefinementCtx): void {
  const fault = (key: string, message: string, part: "key" | "value" = "key") =>
    context.addIssue({ code: "custom", path: [key], message, params: { part } });
  const { verb, job, volume, level, maxAge } = written;
  if (typeof verb !== "string" || !Object.hasOwn(fleetVerbs, verb)) return;
  const { about } = fleetVerbs[verb as FleetVerb];
  if (about === "job" && job === undefined) fault("verb", `${verb} needs a job: its name, or "*" for each`, "value");
  if (about === "job" && volume !== undefined) fault("volume", `${verb} is about a job: leave \`volume\` out`);
  if (about === "volume" && volume === undefined) fault("verb", `${verb} needs a volume`, "value");
  if (about === "volume" && job !== undefined) fault("job", `${verb} is about a volume: leave \`job\` out`);
  if (level !== undefined && verb !== "verify") fault("level", "is for the verb verify alone");
  if (maxAge !== undefined && verb !== "backup") fault("maxAge", "is for the verb backup alone");
}

function refineTimes({ cron, splay, windows, maxAge }: Written, context: z.RefinementCtx): void {
  for (const { key, message } of timesFaults({ cron, splayMs: splay, windows, maxAgeMs: maxAge })) {
    context.addIssue({ code: "custom", path: [key], message });
  }
}

function togetherFaults(documents: readonly (readonly Placed[] | undefined)[]): DocumentIssue[] {
  const seen = new Set<string>();
  const issues: DocumentIssue[] = [];
  let count = 0;
  for (const [document, placed = []] of documents.entries()) {
    for (const { at, schedule } of placed) {
      count += 1;
      const { name } = schedule;
      const isKey = typeof at.at(-1) === "string";
      const where = isKey ? { path: at, part: "key" as const } : { path: [...at, "name"], part: "value" as const };
      if (seen.has(name))
        issues.push({ document, ...where, message: `another schedule is called ${quoteText(name)} already` });
      if (count === mostSchedules + 1)
        issues.push({ document, ...where, message: `is one more than ${mostSchedules}` });
      seen.add(name);
    }
  }
  return issues;
}

function pingFault(text: string): string | undefined {
  if (text.length > longestPing) return `must not be longer than ${longestPing} characters`;
  const unknown = text.match(/\{[^}]*\}?/g)?.find((each) => each !== "{machine}" && each !== "{job}");
  if (unknown !== undefined) return `${quoteText(unknown)} stands for nothing; {machine} and {job} do`;
  const url = URL.parse(text.replaceAll(/[{}]/g, ""));
  if (url === null || !/^https?:$/.test(url.protocol) || /[\s\p{Cc}]/u.test(text)) {
    return 'must be an address such as "https://hc-ping.com/KEY/{machine}-{job}"';
  }
  if (/[{}]/.test(text.split("/").slice(0, 3).join("/"))) return "must have {machine} and {job} behind the host alone";
  if (url.username !== "" || url.password !== "") return "must not have a password in it";
  return undefined;
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
