import assert from "node:assert/strict";
import { test } from "node:test";
import { periodsIn } from "../../../agent/prune/periods.ts";

const berlin = periodsIn("Europe/Berlin");

test("the periods of a time are those of the place", () => {
  const justAfterMidnight = new Date("2026-12-31T23:30:00Z");
  assert.deepEqual(berlin(justAfterMidnight), {
    hour: "2027-01-01T00 GMT+01:00",
    day: "2027-01-01",
    week: "2026-W53",
    month: "2027-01",
    year: "2027",
  });
  assert.equal(periodsIn("UTC")(justAfterMidnight).day, "2026-12-31");
  assert.equal(periodsIn("America/New_York")(justAfterMidnight).hour, "2026-12-31T18 GMT-05:00");
  assert.equal(periodsIn("Asia/Kathmandu")(justAfterMidnight).hour, "2027-01-01T05 GMT+05:45");
});

test("the hour that comes twice in autumn is two hours, and one day", () => {
  const [summer, winter] = [berlin(new Date("2026-10-25T00:30:00Z")), berlin(new Date("2026-10-25T01:30:00Z"))];
  assert.equal(summer.hour, "2026-10-25T02 GMT+02:00");
  assert.equal(winter.hour, "2026-10-25T02 GMT+01:00");
  assert.equal(summer.day, winter.day);
});

const weeks: readonly (readonly [string, string])[] = [
  // a year that begins on a Thursday has 53 weeks, and so has a leap year that begins on a Wednesday
  ["2020-12-31", "2020-W53"],
  ["2021-01-03", "2020-W53"],
  ["2021-01-04", "2021-W01"],
  ["2024-12-29", "2024-W52"],
  ["2024-12-30", "2025-W01"],
  ["2026-01-01", "2026-W01"],
  ["2027-01-01", "2026-W53"],
  ["2028-01-02", "2027-W52"],
];

for (const [day, week] of weeks) {
  test(`${day} is in ${week}`, () => assert.equal(periodsIn("UTC")(new Date(`${day}T12:00:00Z`)).week, week));
}
