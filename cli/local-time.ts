/** Points in time as people on this machine read them. */

/** "2026-11-23 02:00:05" in the local time zone (TZ); "-" when not known. */
export function localTime(time: Date | undefined): string {
  if (time === undefined) return "-";
  const two = (part: number) => `${part}`.padStart(2, "0");
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return `${day} ${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}
