import assert from "node:assert/strict";
import { test } from "node:test";
import type { KeepPolicy } from "../../../agent/config/keep.ts";
import { type Judged, judge } from "../../../agent/prune/retention.ts";
import { snapshotName } from "../../../agent/snapshots/name.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const now = new Date("2026-11-23T12:00:00Z");

function policy(counts: KeepPolicy["counts"], more: Partial<KeepPolicy> = {}): KeepPolicy {
  return { counts, withinMs: undefined, minAgeMs: 0, afterBackup: true, ...more };
}

function snapshot(time: Date | string, more: Partial<Judged> = {}): Judged {
  const date = new Date(time);
  return { name: snapshotName(date), time: date, isWhole: true, pinned: undefined, ...more };
}

/** One at 02:00 UTC each day, the last one today. */
function nightly(days: number, end = now): Judged[] {
  const last = new Date(`${end.toISOString().slice(0, 10)}T02:00:00Z`);
  return Array.from({ length: days }, (_, index) => snapshot(new Date(last.getTime() - (days - 1 - index) * dayMs)));
}

function reasons(snapshots: readonly Judged[], keep: KeepPolicy, at = now, timezone = "UTC"): Record<string, string[]> {
  const judgements = judge(snapshots, keep, { now: at, timezone });
  return Object.fromEntries(
    judgements.filter((one) => one.reasons.length > 0).map((one) => [one.name, [...one.reasons]]),
  );
}

function kept(...of: Parameters<typeof reasons>): string[] {
  return Object.keys(reasons(...of));
}

const days = (names: readonly string[]) => names.map((name) => name.slice(0, 10));

test("each rule says which it keeps, and why", () => {
  const keep = policy({ last: 2, daily: 3, weekly: 2, monthly: 2, yearly: 2 });
  assert.deepEqual(reasons(nightly(60), keep), {
    // neither September nor 2025 has an older one in it than this
    "2026-10-31T02-00-00Z": ["monthly 2026-10"],
    "2026-11-21T02-00-00Z": ["daily 2026-11-21"],
    "2026-11-22T02-00-00Z": ["last 2", "daily 2026-11-22", "weekly 2026-W47"],
    "2026-11-23T02-00-00Z": [
      ...["newest", "last 1", "daily 2026-11-23", "weekly 2026-W48", "monthly 2026-11", "yearly 2026"],
    ],
  });
});

test("of each hour the newest, and hours without one do not count", () => {
  const times = ["08:05", "08:50", "11:10", "11:20"].map((time) => snapshot(`2026-11-23T${time}:00Z`));
  assert.deepEqual(kept(times, policy({ hourly: 2 })), ["2026-11-23T08-50-00Z", "2026-11-23T11-20-00Z"]);
});

test("days begin where the job lives", () => {
  const evenings = [
    snapshot("2026-11-20T22:30:00Z"),
    snapshot("2026-11-21T00:30:00Z"),
    snapshot("2026-11-21T23:30:00Z"),
  ];
  const keep = policy({ daily: 5 });
  assert.deepEqual(days(kept(evenings, keep, now, "UTC")), ["2026-11-20", "2026-11-21"]);
  // half past eleven, half past one of the next day, half past midnight of the one after
  assert.equal(kept(evenings, keep, now, "Europe/Berlin").length, 3);
});

test("within counts from the newest, so that a machine that was away loses nothing by it", () => {
  const snapshots = nightly(30);
  const keep = policy({}, { withinMs: 7 * dayMs });
  assert.equal(kept(snapshots, keep).length, 8);
  assert.equal(kept(snapshots, keep, new Date("2027-11-23T12:00:00Z")).length, 8);
});

test("a younger one than the minimum age stays", () => {
  const snapshots = Array.from({ length: 48 }, (_, index) => snapshot(new Date(now.getTime() - index * hourMs)));
  const keep = policy({ last: 1 }, { minAgeMs: dayMs });
  const found = reasons(snapshots, keep);
  assert.equal(Object.keys(found).length, 24);
  assert.deepEqual(found["2026-11-23T11-00-00Z"], ["younger than 24 h"]);
});

test("the newest of which nothing was left out stays, however many came after it", () => {
  const snapshots = nightly(10).map((one, index) => ({ ...one, isWhole: index === 2 }));
  assert.deepEqual(reasons(snapshots, policy({ last: 1 })), {
    "2026-11-16T02-00-00Z": ["newest with nothing left out"],
    "2026-11-23T02-00-00Z": ["newest", "last 1"],
  });
});

test("pinned ones stay, and say why", () => {
  const snapshots = nightly(10).map((one, index) => ({ ...one, pinned: ["before the upgrade", ""][index] }));
  const found = reasons(snapshots, policy({ last: 1 }));
  assert.deepEqual(found["2026-11-14T02-00-00Z"], ["pinned: before the upgrade"]);
  assert.deepEqual(found["2026-11-15T02-00-00Z"], ["pinned"]);
  assert.equal(Object.keys(found).length, 3);
});

test("what is dated in the future stays, and takes nobody's place", () => {
  const future = [snapshot("2036-01-01T00:00:00Z"), snapshot("2036-01-02T00:00:00Z")];
  const snapshots = [...nightly(10), ...future];
  const found = judge(snapshots, policy({ last: 2, yearly: 1 }), { now, timezone: "UTC" });
  assert.deepEqual(
    found.filter(({ isOfFuture }) => isOfFuture).map(({ name, reasons: why }) => [name, why]),
    [
      ["2036-01-01T00-00-00Z", ["dated in the future"]],
      ["2036-01-02T00-00-00Z", ["dated in the future"]],
    ],
  );
  assert.deepEqual(days(kept(snapshots, policy({ last: 2, yearly: 1 }))), [
    ...["2026-11-22", "2026-11-23", "2036-01-01", "2036-01-02"],
  ]);
});

test("two of one second, of which the second is dated a second ahead", () => {
  const found = judge([snapshot(now), snapshot(new Date(now.getTime() + 1000))], policy({ last: 1 }), {
    now,
    timezone: "UTC",
  });
  assert.deepEqual(
    found.map(({ isOfFuture, reasons: why }) => [isOfFuture, why]),
    [
      [false, []],
      [false, ["newest", "last 1"]],
    ],
  );
});

test("none, and one", () => {
  assert.deepEqual(judge([], policy({ last: 1 }), { now, timezone: "UTC" }), []);
  assert.deepEqual(kept([snapshot("2001-01-01T00:00:00Z", { isWhole: false })], policy({ yearly: 1 })), [
    "2001-01-01T00-00-00Z",
  ]);
});

test("five years of nights, each followed by a prune, leave what the policy says", () => {
  const keep = policy({ last: 3, daily: 7, weekly: 4, monthly: 12, yearly: 10 }, { minAgeMs: dayMs });
  const first = Date.parse("2021-11-24T02:00:00Z");
  let there: Judged[] = [];
  for (let day = 0; day < 5 * 365; day += 1) {
    const at = new Date(first + day * dayMs);
    there.push(snapshot(at));
    const stays = new Set(kept(there, keep, at, "Europe/Berlin"));
    there = there.filter(({ name }) => stays.has(name));
  }
  const names = days(there.map(({ name }) => name));
  const nextMonths = Array.from({ length: 12 }, (_, index) => new Date(Date.UTC(2025, 11 + index, 0)).toISOString());
  // at the end of each of the last months there is one, and at the end of each year
  for (const end of nextMonths.slice(1)) assert.ok(names.includes(end.slice(0, 10)), end);
  for (const year of [2021, 2022, 2023, 2024, 2025]) assert.ok(names.includes(`${year}-12-31`), `${year}`);
  assert.ok(names.length < 30, names.join(" "));
});

/** Of any seed the same numbers: mulberry32. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

for (let seed = 1; seed <= 40; seed += 1) {
  test(`whatever the clock and the rules: what must stay stays, and a second prune finds nothing (seed ${seed})`, () => {
    const next = random(seed);
    const below = (limit: number) => Math.floor(next() * limit);
    const count = () => (next() < 0.5 ? undefined : 1 + below(5));
    const keep = policy(
      { last: count(), hourly: count(), daily: count(), weekly: count(), monthly: count(), yearly: count() },
      { minAgeMs: below(3) * dayMs, withinMs: next() < 0.5 ? undefined : 1000 + below(30) * dayMs },
    );
    const at = new Date(now.getTime() + (next() - 0.5) * 400 * dayMs);
    const times = new Set(Array.from({ length: 60 }, () => now.getTime() - below(800 * 24) * hourMs + 200 * dayMs));
    const all = [...times].map((time) =>
      snapshot(new Date(time), { isWhole: next() < 0.7, pinned: next() < 0.1 ? "wanted" : undefined }),
    );
    const stays = new Set(kept(all, keep, at, "Europe/Berlin"));
    const past = all.filter(({ time }) => time <= at).toSorted((a, b) => b.time.getTime() - a.time.getTime());
    const must = [
      ...all.filter(({ time }) => time.getTime() > at.getTime() - keep.minAgeMs),
      ...all.filter(({ pinned }) => pinned !== undefined),
      ...past.slice(0, keep.counts.last ?? 1),
      ...past.filter(({ isWhole }) => isWhole).slice(0, 1),
    ];
    for (const { name } of must) assert.ok(stays.has(name), name);
    const left = all.filter(({ name }) => stays.has(name));
    assert.deepEqual(new Set(kept(left, keep, at, "Europe/Berlin")), stays);
  });
}
