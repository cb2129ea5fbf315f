import assert from "node:assert/strict";
import { test } from "node:test";
import { type Window, Windows } from "../../../common/schedule/windows.ts";

const night: Window = { days: [], fromMinute: 22 * 60, toMinute: 6 * 60 };
const weekend: Window = { days: [6, 7], fromMinute: 0, toMinute: 24 * 60 };
const fridayNight: Window = { days: [5], fromMinute: 22 * 60, toMinute: 6 * 60 };
const early: Window = { days: [], fromMinute: 2 * 60 + 15, toMinute: 4 * 60 };
const missing: Window = { days: [], fromMinute: 2 * 60 + 15, toMinute: 2 * 60 + 45 };
const half: Window = { days: [], fromMinute: 2 * 60 + 30, toMinute: 4 * 60 };

for (const [what, windows, zone, at, first] of [
  ["none: always", [], "UTC", "2026-03-10T12:00Z", "2026-03-10T12:00Z"],
  ["open", [night], "UTC", "2026-03-10T23:00Z", "2026-03-10T23:00Z"],
  ["open after midnight", [night], "UTC", "2026-03-10T05:59Z", "2026-03-10T05:59Z"],
  ["closes", [night], "UTC", "2026-03-10T06:00Z", "2026-03-10T22:00Z"],
  ["by the clock of its zone", [night], "America/New_York", "2026-01-10T12:00Z", "2026-01-11T03:00Z"],
  ["half hours", [night], "Asia/Kolkata", "2026-01-10T12:00Z", "2026-01-10T16:30Z"],
  // 10 March 2026 is a Tuesday
  ["days", [weekend], "UTC", "2026-03-10T12:00Z", "2026-03-14T00:00Z"],
  ["of the evening that it opens in", [fridayNight], "UTC", "2026-03-14T05:00Z", "2026-03-14T05:00Z"],
  ["not of the morning", [fridayNight], "UTC", "2026-03-13T05:00Z", "2026-03-13T22:00Z"],
  [
    "Sunday's night is Monday's morning",
    [{ ...fridayNight, days: [7] }],
    "UTC",
    "2026-03-09T03:00Z",
    "2026-03-09T03:00Z",
  ],
  ["the sooner of two", [weekend, fridayNight], "UTC", "2026-03-10T12:00Z", "2026-03-13T22:00Z"],
  ["opens at the end of the missing hour", [early], "Europe/Berlin", "2026-03-29T00:00Z", "2026-03-29T01:00Z"],
  ["does not open on the day that lacks it", [missing], "Europe/Berlin", "2026-03-29T00:00Z", "2026-03-30T00:15Z"],
  ["opens again in the doubled hour", [half], "Europe/Berlin", "2026-10-25T01:10Z", "2026-10-25T01:30Z"],
  ["is shut between the two", [half], "Europe/Berlin", "2026-10-25T00:59Z", "2026-10-25T00:59Z"],
  ["seconds", [night], "UTC", "2026-03-10T21:59:59Z", "2026-03-10T22:00Z"],
] as const) {
  test(what, () => {
    const found = new Windows(windows, zone).firstOpen(Date.parse(at));
    assert.equal(new Date(found).toISOString(), new Date(first).toISOString());
  });
}

test("who waits for an opening does not begin with everybody else, and still within", () => {
  const windows = new Windows([missing], "UTC");
  const opens = Date.parse("2026-03-10T02:15Z");
  assert.equal(windows.firstOpen(opens - 60_000, 10 * 60_000), opens + 10 * 60_000);
  assert.equal(windows.firstOpen(opens - 60_000, 40 * 60_000), opens + 10 * 60_000);
  assert.equal(windows.firstOpen(opens + 1, 10 * 60_000), opens + 1);
});

test("every minute of a year: what is said to be first is open, and nothing before it", () => {
  for (const zone of ["Europe/Berlin", "Australia/Lord_Howe"]) {
    const windows = new Windows([missing, fridayNight], zone);
    const stepMs = 15 * 60_000;
    let first = Number.NEGATIVE_INFINITY;
    for (let ms = Date.parse("2026-03-01Z"); ms < Date.parse("2026-11-10Z"); ms += stepMs) {
      if (first < ms) first = windows.firstOpen(ms);
      assert.equal(windows.isOpen(ms), ms === first || windows.firstOpen(ms) === ms);
      if (ms < first) assert.ok(!windows.isOpen(ms), `${zone} ${new Date(ms).toISOString()}`);
    }
  }
});
