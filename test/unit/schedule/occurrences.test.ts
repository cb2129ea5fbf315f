import assert from "node:assert/strict";
import { test } from "node:test";
import { cronFault, Occurrences } from "../../../common/schedule/occurrences.ts";

/** All that come from one moment to another, the second not included. */
function between(cron: string, timezone: string, from: string, to: string): string[] {
  const occurrences = new Occurrences(cron, timezone);
  const found: string[] = [];
  for (let ms = occurrences.next(Date.parse(from) - 1); ms !== undefined && ms < Date.parse(to); ) {
    found.push(new Date(ms).toISOString().slice(0, 16));
    ms = occurrences.next(ms);
  }
  return found;
}

test("the newest is not after, the next is; seconds within a minute do not matter", () => {
  const daily = new Occurrences("0 2 * * *", "UTC");
  const at = Date.parse("2026-03-10T02:00:00Z");
  for (const [ms, newest, next] of [
    [at - 1, at - 86_400_000, at],
    [at, at, at + 86_400_000],
    [at + 1, at, at + 86_400_000],
    [at + 86_399_999, at, at + 86_400_000],
  ] as const) {
    // each by itself, and in an order in which nothing is known from the question before
    assert.equal(daily.newest(ms), newest);
    assert.equal(daily.next(ms), next);
    assert.equal(new Occurrences("0 2 * * *", "UTC").next(ms), next);
  }
});

for (const [what, cron, zone, from, to, expected] of [
  // 29 March 2026: from 2:00 to 3:00 there is nothing
  [
    "a time in the missing hour comes at its end",
    "30 2 * * *",
    "Europe/Berlin",
    "2026-03-28",
    "2026-03-31",
    ["2026-03-28T01:30", "2026-03-29T01:00", "2026-03-30T00:30"],
  ],
  // 25 October 2026: 2:00 to 3:00 twice
  [
    "a time in the doubled hour comes once",
    "30 2 * * *",
    "Europe/Berlin",
    "2026-10-24",
    "2026-10-27",
    ["2026-10-24T00:30", "2026-10-25T00:30", "2026-10-26T01:30"],
  ],
  // 4 October 2026: half an hour is missing
  [
    "half an hour that is missing",
    "15 2 * * *",
    "Australia/Lord_Howe",
    "2026-10-02T12:00:00Z",
    "2026-10-04T12:00:00Z",
    ["2026-10-02T15:45", "2026-10-03T15:30"],
  ],
  [
    "a zone without summer time",
    "30 5 * * *",
    "Asia/Kolkata",
    "2026-03-28",
    "2026-03-30",
    ["2026-03-28T00:00", "2026-03-29T00:00"],
  ],
] as const) {
  test(what, () => assert.deepEqual(between(cron, zone, from, to), expected));
}

test("what comes every hour comes 23, 24 and 25 times a day", () => {
  for (const [zone, from, to, count] of [
    ["Europe/Berlin", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", 23],
    ["Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", 25],
    ["America/New_York", "2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z", 23],
    ["America/New_York", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z", 25],
    ["Asia/Kolkata", "2026-03-28T18:30:00Z", "2026-03-29T18:30:00Z", 24],
  ] as const) {
    assert.equal(between("0 * * * *", zone, from, to).length, count, `${zone} ${from}`);
  }
});

test("backwards is the same as forwards, over a year", () => {
  for (const zone of ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]) {
    for (const cron of ["30 2 * * *", "15,45 */6 * * *", "0 1-3 * * sun"]) {
      const forwards = between(cron, zone, "2026-01-01", "2027-01-01");
      const occurrences = new Occurrences(cron, zone);
      const backwards: string[] = [];
      for (
        let ms = occurrences.newest(Date.parse("2027-01-01") - 1);
        ms !== undefined && ms >= Date.parse("2026-01-01");
      ) {
        backwards.unshift(new Date(ms).toISOString().slice(0, 16));
        ms = occurrences.newest(ms - 1);
      }
      assert.deepEqual(backwards, forwards, `${cron} in ${zone}`);
    }
  }
});

test("what is no cron expression, in words", () => {
  const form = 'must be five fields (minute, hour, day, month, weekday) or a nickname such as "@daily"';
  for (const [cron, fault] of [
    ["0 2 * * *", undefined],
    ["@daily", undefined],
    ["*/15 9-17 1,15 jan-mar mon-fri", undefined],
    ["0 0 29 2 *", undefined],
    ["0 0 31 2 *", "never comes: there is no such date"],
    ["0 0 31 4,6,9,11 *", "never comes: there is no such date"],
    ["0 25 * * *", "is no cron expression: Invalid value for hour: 25"],
    ["0 2 * * 8", "is no cron expression: Invalid value for dayOfWeek: 8"],
    ["", form],
    ["tomorrow", form],
    ["@reboot", form],
    ["@fortnightly", form],
    ["0 2 * *", form],
    ["0 0 2 * * *", form],
    ["0 0 2 * * * 2027", form],
    ["2026-01-01T00:00:00", form],
    ["0 2 * * ?", form],
    ["0 2 * *\n*", form],
    ["1,".repeat(200), form],
  ] as const) {
    assert.equal(cronFault(cron), fault, cron);
  }
});
