import assert from "node:assert/strict";
import { test } from "node:test";
import { scheduleSchema } from "../../../common/schedule/schedule.ts";

function faults(schedule: unknown): string[] {
  const { error } = scheduleSchema.safeParse(schedule);
  return (error?.issues ?? []).map(({ path, message }) => [path.join("."), message].filter(Boolean).join(": "));
}

test("everything that can be said", () => {
  assert.deepEqual(
    scheduleSchema.parse({
      cron: "0 2 * * *",
      timezone: "Europe/Berlin",
      splay: "30m",
      windows: [
        { days: ["mon", "sun"], from: "22:00", to: "06:00" },
        { from: "12:30", to: "24:00" },
      ],
      maxAge: "8d",
      retry: { attempts: 3, firstWait: "1m", longestWait: "10m" },
      deadline: "6h",
    }),
    {
      cron: "0 2 * * *",
      timezone: "Europe/Berlin",
      splayMs: 1_800_000,
      windows: [
        { days: [1, 7], fromMinute: 1320, toMinute: 360 },
        { days: [], fromMinute: 750, toMinute: 1440 },
      ],
      maxAgeMs: 8 * 86_400_000,
      retry: { attempts: 3, firstWaitMs: 60_000, longestWaitMs: 600_000 },
      deadlineMs: 21_600_000,
    },
  );
});

test("as little as can be said", () => {
  assert.deepEqual(scheduleSchema.parse({ cron: "@hourly" }), {
    cron: "@hourly",
    timezone: undefined,
    splayMs: 0,
    windows: [],
    maxAgeMs: undefined,
    retry: undefined,
    deadlineMs: undefined,
  });
});

for (const [schedule, fault] of [
  [{}, 'cron: must be a cron expression, such as "0 2 * * *"'],
  [{ cron: "0 0 31 2 *" }, "cron: never comes: there is no such date"],
  [{ cron: "@daily", timezone: "Europe/Berln" }, 'timezone: there is no such time zone; did you mean "Europe/Berlin"?'],
  [{ cron: "@daily", timezone: "+02:00" }, 'timezone: there is no such time zone; such as "Europe/Berlin" or "UTC"'],
  [{ cron: "@daily", splay: 30 }, 'splay: must be a duration with its unit, such as "30s" or "1h30m"'],
  [{ cron: "@hourly", splay: "2h" }, "splay: must not be longer than the shortest time between two starts, 1 h"],
  [{ cron: "0 2,5 * * *", splay: "4h" }, "splay: must not be longer than the shortest time between two starts, 3 h"],
  [
    { cron: "@daily", maxAge: "24h" },
    "maxAge: must be longer than the longest time between two starts, 24 h: every backup would be overdue",
  ],
  [
    { cron: "0 2 * * 1-5", maxAge: "26h" },
    "maxAge: must be longer than the longest time between two starts, 3 d: every backup would be overdue",
  ],
  [
    { cron: "@daily", windows: [{ days: ["sat"], from: "00:00", to: "24:00" }], maxAge: "26h" },
    "maxAge: must be longer than the longest time between two starts, 7 d: every backup would be overdue",
  ],
  [{ cron: "@daily", windows: [{ from: "22:00", to: "22:00" }] }, "windows.0.to: must be another time than from"],
  [{ cron: "@daily", windows: [{ from: "24:00", to: "06:00" }] }, 'windows.0.from: must be before "24:00"'],
  [{ cron: "@daily", windows: [{ from: "22:00", to: "00:00" }] }, 'windows.0.to: must be "24:00" for midnight'],
  [
    { cron: "@daily", windows: [{ from: "9:00", to: "12:00" }] },
    'windows.0.from: must be a time of day, such as "22:00"',
  ],
  // YAML reads 22:00 without quotes as text as well, but 1320 is a number
  [
    { cron: "@daily", windows: [{ from: 1320, to: "23:00" }] },
    'windows.0.from: must be a time of day in quotes, such as "22:00"',
  ],
  [
    { cron: "@daily", windows: [{ days: [], from: "22:00", to: "23:00" }] },
    "windows.0.days: must name at least one day; left out: each",
  ],
  [{ cron: "@daily", deadline: "1s" }, "deadline: must be between 10 s and 20 d"],
] as const) {
  test(`refused: ${JSON.stringify(schedule)}`, () => assert.deepEqual(faults(schedule), [fault]));
}

test("a day's splay of a daily schedule is not too much, nor a year's for what comes in leap years", () => {
  assert.deepEqual(faults({ cron: "@daily", splay: "24h", maxAge: "25h" }), []);
  assert.deepEqual(faults({ cron: "0 0 29 2 *", splay: "31d" }), []);
});
