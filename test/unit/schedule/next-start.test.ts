import assert from "node:assert/strict";
import { test } from "node:test";
import { nextStart, type Past, type Timing } from "../../../common/schedule/next-start.ts";
import { Occurrences } from "../../../common/schedule/occurrences.ts";
import { isOverdue, overdueAt } from "../../../common/schedule/overdue.ts";
import { splayOffset } from "../../../common/schedule/splay.ts";
import { type Window, Windows } from "../../../common/schedule/windows.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const night: Window = { days: [], fromMinute: 22 * 60, toMinute: 6 * 60 };

function timing(cron: string, more: { offsetMs?: number; maxAgeMs?: number; windows?: Window[] } = {}): Timing {
  const { offsetMs = 0, maxAgeMs, windows = [] } = more;
  return { occurrences: new Occurrences(cron, "UTC"), windows: new Windows(windows, "UTC"), offsetMs, maxAgeMs };
}

type At = Partial<Record<"since" | "handled" | "begun" | "unfinished" | "lastGood", string>>;

function past(at: At): Past {
  const ms = (text: string | undefined) => (text === undefined ? undefined : Date.parse(`2026-${text}Z`));
  return {
    sinceMs: ms(at.since) ?? Date.parse("2026-03-01Z"),
    handledMs: ms(at.handled),
    begunMs: ms(at.begun ?? at.handled),
    unfinishedMs: ms(at.unfinished),
    lastGoodMs: ms(at.lastGood),
  };
}

const daily = timing("0 2 * * *");
const splayed = timing("0 2 * * *", { offsetMs: 20 * minuteMs });
const hourlyAtNight = timing("0 * * * *", { windows: [night] });
const noonAtNight = timing("0 12 * * *", { windows: [night] });
const aged = timing("0 2 * * *", { maxAgeMs: 26 * hourMs });

for (const [what, by, at, now, moment, begin] of [
  ["not yet", daily, { handled: "03-09T02:00" }, "03-10T01:59", "03-10T02:00", "03-10T02:00"],
  ["now", daily, { handled: "03-09T02:00" }, "03-10T02:00", "03-10T02:00", "03-10T02:00"],
  ["done", daily, { handled: "03-10T02:00" }, "03-10T02:00", "03-11T02:00", "03-11T02:00"],
  ["late", daily, { handled: "03-09T02:00" }, "03-10T09:00", "03-10T02:00", "03-10T09:00"],
  ["five missed are one, the newest", daily, { handled: "03-04T02:00" }, "03-10T09:00", "03-10T02:00", "03-10T09:00"],
  ["before it was this machine's", daily, { since: "03-10T08:00" }, "03-10T09:00", "03-11T02:00", "03-11T02:00"],
  ["to begin with", daily, { since: "03-12T08:00" }, "03-10T09:00", "03-13T02:00", "03-13T02:00"],
  [
    "the clock was put back a little",
    daily,
    { handled: "03-10T02:00" },
    "03-10T01:59:50",
    "03-11T02:00",
    "03-11T02:00",
  ],
  [
    "... and one before was missed",
    daily,
    { handled: "03-10T02:00", since: "03-01T00:00" },
    "03-10T01:30",
    "03-11T02:00",
    "03-11T02:00",
  ],
  ["its own moment", splayed, { handled: "03-09T02:00" }, "03-10T02:10", "03-10T02:00", "03-10T02:20"],
  ["its own moment has come", splayed, { handled: "03-09T02:00" }, "03-10T02:20", "03-10T02:00", "03-10T02:20"],
  ["waits for the window", noonAtNight, { handled: "03-09T12:00" }, "03-10T12:00", "03-10T12:00", "03-10T22:00"],
  ["the window is open", noonAtNight, { handled: "03-09T12:00" }, "03-10T22:00", "03-10T12:00", "03-10T22:00"],
  [
    "came back after it has closed",
    noonAtNight,
    { handled: "03-09T12:00" },
    "03-11T07:00",
    "03-10T12:00",
    "03-11T22:00",
  ],
  [
    "the newest of those that waited",
    hourlyAtNight,
    { handled: "03-10T05:00" },
    "03-10T22:00",
    "03-10T22:00",
    "03-10T22:00",
  ],
  [
    "next after the window has closed",
    hourlyAtNight,
    { handled: "03-10T05:00" },
    "03-10T05:30",
    "03-10T06:00",
    "03-10T22:00",
  ],
  [
    "interrupted: again, at once",
    daily,
    { handled: "03-10T02:00", unfinished: "03-10T02:00" },
    "03-10T04:00",
    "03-10T02:00",
    "03-10T04:00",
  ],
  [
    "interrupted: a newer one is there",
    daily,
    { handled: "03-09T02:00", unfinished: "03-09T02:00" },
    "03-10T04:00",
    "03-10T02:00",
    "03-10T04:00",
  ],
  ["too old", aged, { handled: "03-10T02:00", lastGood: "03-09T02:00" }, "03-10T05:00", "03-10T04:00", "03-10T05:00"],
  [
    "too old soon",
    aged,
    { handled: "03-10T02:00", lastGood: "03-09T02:00" },
    "03-10T03:00",
    "03-10T04:00",
    "03-10T04:00",
  ],
  [
    "too old, and begun since",
    aged,
    { handled: "03-10T04:00", begun: "03-10T04:01", lastGood: "03-09T02:00" },
    "03-10T05:00",
    "03-11T02:00",
    "03-11T02:00",
  ],
  [
    "never a good one",
    aged,
    { since: "03-08T03:00", handled: "03-09T02:00" },
    "03-09T06:00",
    "03-09T05:00",
    "03-09T06:00",
  ],
  [
    "missed and too old: once",
    aged,
    { handled: "03-08T02:00", lastGood: "03-08T02:00" },
    "03-10T09:00",
    "03-10T02:00",
    "03-10T09:00",
  ],
  [
    "a snapshot of the far future",
    aged,
    { since: "03-09T00:00", handled: "03-10T02:00", begun: "03-10T02:00", lastGood: "12-31T02:00" },
    "03-10T03:00",
    "03-11T02:00",
    "03-11T02:00",
  ],
] as const) {
  test(what, () => {
    const found = nextStart(by, past(at), Date.parse(`2026-${now}Z`));
    assert.ok(found);
    assert.equal(new Date(found.momentMs).toISOString(), new Date(`2026-${moment}Z`).toISOString(), "the occurrence");
    assert.equal(new Date(found.beginMs).toISOString(), new Date(`2026-${begin}Z`).toISOString(), "its beginning");
  });
}

test("overdue, from what is not there", () => {
  const sinceMs = Date.parse("2026-03-01T00:00Z");
  const now = Date.parse("2026-03-10T00:00Z");
  const maxAgeMs = 24 * hourMs;
  for (const [lastGoodMs, at] of [
    [undefined, sinceMs + maxAgeMs],
    [now - 25 * hourMs, now - hourMs],
    [now - 23 * hourMs, now + hourMs],
    // by clocks that differ
    [now + 10 * minuteMs, now + 10 * minuteMs + maxAgeMs],
    // by a clock that was wrong
    [now + 365 * maxAgeMs, sinceMs + maxAgeMs],
  ] as const) {
    const age = { lastGoodMs, sinceMs, maxAgeMs };
    assert.equal(overdueAt(age, now), at);
    assert.equal(isOverdue(age, now), at <= now);
  }
});

test("the splay: always the same for one, spread over many, never all of it", () => {
  const splayMs = hourMs;
  const offsets = Array.from({ length: 1000 }, (_, n) => splayOffset(splayMs, [`machine-${n}`, "nightly", "home"]));
  assert.ok(offsets.every((offset) => Number.isInteger(offset) && offset >= 0 && offset < splayMs));
  const quarters = [0, 1, 2, 3].map(
    (quarter) => offsets.filter((offset) => Math.floor((offset / splayMs) * 4) === quarter).length,
  );
  assert.ok(
    quarters.every((count) => count > 180 && count < 320),
    `${quarters}`,
  );
  assert.equal(splayOffset(splayMs, ["machine-7", "nightly", "home"]), offsets[7]);
  assert.notEqual(
    splayOffset(splayMs, ["machine-7nightly", "home"]),
    splayOffset(splayMs, ["machine-7", "nightlyhome"]),
  );
  assert.equal(splayOffset(0, ["machine-7"]), 0);
});
