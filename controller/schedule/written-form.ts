/** A schedule written down again, always in the same way: what two of them are compared by, and what is shown. */

import { stringify } from "yaml";
import type { FleetSchedule } from "./fleet-schedule.ts";

export interface Field {
  /** As it is called in YAML: "cron", "maxConcurrent.fleet". */
  readonly name: string;
  /** YAML on one line. */
  readonly value: string;
}

const dayNames = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;

/** All that it says, but for its name. */
export function fieldsOf(schedule: FleetSchedule): Field[] {
  const { name: _, ...rest } = writtenForm(schedule);
  return Object.entries(rest).flatMap(([name, value]) =>
    typeof value === "object" && !Array.isArray(value)
      ? Object.entries(value).map(([inner, part]) => ({ name: `${name}.${inner}`, value: oneLine(part) }))
      : [{ name, value: oneLine(value) }],
  );
}

/** As a document that can be applied. */
export function scheduleText(schedule: FleetSchedule): string {
  return stringify(writtenForm(schedule), { lineWidth: 0 });
}

type Value = string | number | readonly Value[] | { readonly [name: string]: Value };

/** In the order in which one would say it; what is left out means the same as ever. */
function writtenForm(schedule: FleetSchedule): Record<string, Value> {
  const { name, selector, verb, job, volume, level, cron, timezone, splayMs, windows, maxAgeMs, retry } = schedule;
  return present({
    name,
    selector,
    verb,
    job,
    volume,
    level,
    cron,
    timezone,
    splay: splayMs === 0 ? undefined : duration(splayMs),
    windows: windows.length === 0 ? undefined : windows.map(windowForm),
    maxAge: duration(maxAgeMs),
    maxConcurrent: present(schedule.maxConcurrent),
    retry:
      retry &&
      present({
        attempts: retry.attempts,
        firstWait: duration(retry.firstWaitMs),
        longestWait: duration(retry.longestWaitMs),
      }),
    deadline: duration(schedule.deadlineMs),
    ping: schedule.ping,
  });
}

function windowForm({ days, fromMinute, toMinute }: FleetSchedule["windows"][number]): Record<string, Value> {
  return present({
    days: days.length === 0 ? undefined : days.map((day) => dayNames[day - 1] ?? ""),
    from: timeOfDay(fromMinute),
    to: timeOfDay(toMinute),
  });
}

/** Without what is not there, and without mappings that say nothing. */
function present(values: Readonly<Record<string, Value | undefined>>): Record<string, Value> {
  const isThere = (value: Value | undefined): value is Value =>
    value !== undefined && (typeof value !== "object" || Object.keys(value).length > 0);
  return Object.fromEntries(Object.entries(values).flatMap(([key, value]) => (isThere(value) ? [[key, value]] : [])));
}

function timeOfDay(minute: number): string {
  const two = (number: number) => `${number}`.padStart(2, "0");
  return `${two(Math.floor(minute / 60))}:${two(minute % 60)}`;
}

const units = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
  ["ms", 1],
] as const;

/** As it would be written: "1d2h", "90m" as "1h30m". */
function duration(ms: number | undefined): string | undefined {
  if (ms === undefined) return undefined;
  let rest = ms;
  let text = "";
  for (const [unit, factor] of units) {
    const count = Math.floor(rest / factor);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * factor;
  }
  return text === "" ? "0s" : text;
}

function oneLine(value: Value): string {
  const style = typeof value === "object" ? "flow" : "any";
  return stringify(value, { collectionStyle: style, lineWidth: 0, blockQuote: false }).trimEnd();
}
