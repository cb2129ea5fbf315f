/** When something may begin, by the clock on the wall of a time zone. Pure. */

/** Days on which it opens: 1 = Monday to 7 = Sunday; none: each. `toMinute` up to `fromMinute`: on the next day. */
export interface Window {
  readonly days: readonly number[];
  /** Minutes since midnight, 0 to 1439. */
  readonly fromMinute: number;
  /** 1 to 1440. */
  readonly toMinute: number;
}

const minuteMs = 60_000;
const dayMinutes = 24 * 60;
const weekMinutes = 7 * dayMinutes;
const dayMs = dayMinutes * minuteMs;
/** Of days that were asked about. */
const knownDays = 64;

export class Windows {
  /** From a minute of the week on, for so many minutes. */
  readonly #spans: readonly { readonly from: number; readonly length: number }[];
  readonly #wallClock: Intl.DateTimeFormat;
  /** By day in UTC: how far the zone's clock is ahead all day; undefined where that changes. To ask Intl each time is slow. */
  readonly #offsets = new Map<number, number | undefined>();

  /** @param windows none: always open */
  constructor(windows: readonly Window[], timezone: string) {
    this.#spans = windows.flatMap(({ days, fromMinute, toMinute }) => {
      const length = toMinute > fromMinute ? toMinute - fromMinute : toMinute + dayMinutes - fromMinute;
      const each = days.length === 0 ? [1, 2, 3, 4, 5, 6, 7] : days;
      return each.map((day) => ({ from: (day - 1) * dayMinutes + fromMinute, length }));
    });
    this.#wallClock = new Intl.DateTimeFormat("en-US", {
      timeZone: timezone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  }

  isOpen(ms: number): boolean {
    return this.#spans.length === 0 || this.#spanAt(ms) !== undefined;
  }

  /**
   * The first moment from `ms` on at which something may begin.
   * @param spreadMs who has to wait for an opening waits so much longer, as far as there is room: all would begin at once
   */
  firstOpen(ms: number, spreadMs = 0): number {
    if (this.isOpen(ms)) return ms;
    const opening = this.#opening(ms);
    const span = this.#spanAt(opening);
    const spread = opening + (spreadMs % ((span?.length ?? 1) * minuteMs));
    // one that an hour is missing from
    return this.isOpen(spread) ? spread : opening;
  }

  #opening(ms: number): number {
    for (let at = ms; ; ) {
      if (this.#spanAt(at) !== undefined) return at;
      const now = this.#weekMinute(at);
      const waits = this.#spans.map(({ from }) => (from - now + weekMinutes) % weekMinutes);
      const next = Math.floor(at / minuteMs) * minuteMs + Math.min(...waits) * minuteMs;
      const change = this.#offsetChange(at, next);
      if (change === undefined) return next;
      at = change;
    }
  }

  #spanAt(ms: number) {
    const weekMinute = this.#weekMinute(ms);
    return this.#spans.find(({ from, length }) => (weekMinute - from + weekMinutes) % weekMinutes < length);
  }

  /** The moment at which the clock is put forward or back, to the minute. */
  #offsetChange(from: number, to: number): number | undefined {
    const offset = this.#offset(from);
    if (this.#offset(to) === offset) return undefined;
    let [before, after] = [Math.floor(from / minuteMs), Math.ceil(to / minuteMs)];
    while (after - before > 1) {
      const middle = Math.floor((before + after) / 2);
      if (this.#offset(middle * minuteMs) === offset) before = middle;
      else after = middle;
    }
    return after * minuteMs;
  }

  #offset(ms: number): number {
    const day = Math.floor(ms / dayMs);
    if (!this.#offsets.has(day)) {
      if (this.#offsets.size >= knownDays) this.#offsets.clear();
      const [first, last] = [this.#shownOffset(day * dayMs), this.#shownOffset((day + 1) * dayMs)];
      this.#offsets.set(day, first === last ? first : undefined);
    }
    return this.#offsets.get(day) ?? this.#shownOffset(ms);
  }

  #shownOffset(ms: number): number {
    const part: Record<string, number> = {};
    for (const { type, value } of this.#wallClock.formatToParts(ms)) part[type] = Number(value);
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part;
    return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(ms / 1000) * 1000;
  }

  /** Minutes since the beginning of Monday. */
  #weekMinute(ms: number): number {
    const shown = new Date(ms + this.#offset(ms));
    return ((shown.getUTCDay() + 6) % 7) * dayMinutes + shown.getUTCHours() * 60 + shown.getUTCMinutes();
  }
}
