/** The hour, day, week, month and year that a time falls into, where somebody lives. Pure. */

export interface Periods {
  /** With its offset from UTC, since an hour may come twice in autumn: "2026-10-25T02 GMT+02:00". */
  readonly hour: string;
  /** "2026-10-25" */
  readonly day: string;
  /** Of ISO 8601, from Monday: "2026-W43". */
  readonly week: string;
  /** "2026-10" */
  readonly month: string;
  /** "2026" */
  readonly year: string;
}

const dayMs = 86_400_000;

/** @param timezone an IANA name @throws {RangeError} when there is no such zone */
export function periodsIn(timezone: string): (time: Date) => Periods {
  // whatever the language of the machine, these digits and this calendar
  const format = new Intl.DateTimeFormat("en-u-ca-iso8601-nu-latn", {
    timeZone: timezone,
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    hourCycle: "h23",
    timeZoneName: "longOffset",
  });
  return (time) => {
    const parts = new Map(format.formatToParts(time).map(({ type, value }) => [type, value]));
    const part = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? "";
    const year = part("year");
    const month = `${year}-${part("month")}`;
    const day = `${month}-${part("day")}`;
    return { hour: `${day}T${part("hour")} ${part("timeZoneName")}`, day, week: isoWeek(day), month, year };
  };
}

/** ISO 8601: a week belongs to the year that its Thursday is in. @param day "2026-10-25" */
function isoWeek(day: string): string {
  const date = new Date(`${day}T00:00:00Z`);
  const daysFromMonday = (date.getUTCDay() + 6) % 7;
  const thursday = new Date(date.getTime() + (3 - daysFromMonday) * dayMs);
  const year = thursday.getUTCFullYear();
  const week = Math.floor((thursday.getTime() - Date.UTC(year, 0, 1)) / dayMs / 7) + 1;
  return `${year}-W${`${week}`.padStart(2, "0")}`;
}
