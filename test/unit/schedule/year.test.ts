/**
 * A year of a fleet, played: 200 machines in five zones with three schedules each. They are off at times, and some of their clocks
 * are put forward and back. What came of it is compared with what the schedules say.
 */

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { nextStart, type Timing, trustedUntil } from "../../../common/schedule/next-start.ts";
import { Occurrences } from "../../../common/schedule/occurrences.ts";
import { splayOffset } from "../../../common/schedule/splay.ts";
import { type Window, Windows } from "../../../common/schedule/windows.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const begins = Date.UTC(2026, 0, 1);
const ends = Date.UTC(2027, 0, 1);
const zones = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"];
const machines = 200;
/** What an agent sleeps at most. */
const wakeMs = minuteMs;

interface Plan {
  readonly name: string;
  readonly cron: string;
  readonly splayMs: number;
  readonly windows: readonly Window[];
  readonly maxAgeMs?: number;
}

const night: Window = { days: [], fromMinute: 22 * 60, toMinute: 6 * 60 };
const plans: readonly Plan[] = [
  // in the hour that is missing and doubled in Berlin and New York, and half of it on Lord Howe Island
  { name: "daily", cron: "30 2 * * *", splayMs: 45 * minuteMs, windows: [] },
  { name: "nightly", cron: "0 */6 * * *", splayMs: 20 * minuteMs, windows: [night] },
  { name: "weekly", cron: "@weekly", splayMs: 5 * hourMs, windows: [], maxAgeMs: 8 * dayMs },
];

interface Start {
  /** The true time, and what the machine's clock showed. */
  readonly atMs: number;
  readonly clockMs: number;
  readonly momentMs: number;
}

interface Span {
  readonly from: number;
  readonly to: number;
}

interface Machine {
  readonly zone: string;
  /** In their order, apart from one another. */
  readonly off: readonly Span[];
  /** From when on the clock shows how much more than the true time. */
  readonly clock: readonly { readonly from: number; readonly aheadMs: number }[];
}

/** One schedule on one machine. */
class Played {
  readonly starts: Start[] = [];
  readonly plan: Plan;
  readonly machine: Machine;
  readonly timing: Timing;
  /** All of the year, as croner counts them forwards. */
  readonly occurrences: readonly number[];
  #moments: number[] = [];
  #begun: number[] = [];
  #lastGoodMs: number | undefined;
  readonly #succeeds: () => boolean;

  constructor(plan: Plan, machine: Machine, timing: Timing, occurrences: readonly number[], succeeds: () => boolean) {
    this.plan = plan;
    this.occurrences = occurrences;
    this.machine = machine;
    this.timing = timing;
    this.#succeeds = succeeds;
  }

  /** @returns when it wakes next */
  wake(atMs: number): number {
    const { machine, timing } = this;
    const off = machine.off.find(({ from, to }) => atMs >= from && atMs < to);
    if (off !== undefined) return off.to;
    const aheadMs = machine.clock.findLast(({ from }) => atMs >= from)?.aheadMs ?? 0;
    const clockMs = atMs + aheadMs;
    for (;;) {
      const next = nextStart(timing, this.#past(clockMs), clockMs);
      assert.ok(next);
      if (next.beginMs > clockMs) {
        // an agent wakes once a minute, and finds that nothing is due: it makes a difference when the clock has changed
        const change = machine.clock.find(({ from }) => from > atMs)?.from;
        const seen = change === undefined ? ends : change + Math.floor((wakeMs * (change % 7)) / 7);
        return Math.min(next.beginMs - aheadMs, seen);
      }
      this.starts.push({ atMs, clockMs, momentMs: next.momentMs });
      this.#moments.push(next.momentMs);
      this.#begun.push(clockMs);
      if (this.#succeeds()) this.#lastGoodMs = clockMs;
    }
  }

  #past(clockMs: number) {
    return {
      sinceMs: begins,
      handledMs: newest(this.#moments, clockMs),
      begunMs: newest(this.#begun, clockMs),
      unfinishedMs: undefined,
      lastGoodMs: this.#lastGoodMs,
    };
  }
}

function allOf({ cron }: Plan, timezone: string): number[] {
  const occurrences = new Occurrences(cron, timezone);
  const all: number[] = [];
  for (let ms = occurrences.next(begins - 1); ms !== undefined && ms < ends; ms = occurrences.next(ms)) all.push(ms);
  return all;
}

/** As the agent's table is asked. All but the last few are older in any case. */
function newest(all: readonly number[], clockMs: number): number | undefined {
  const trusted = all.slice(-20).filter((ms) => ms <= trustedUntil(clockMs));
  return trusted.length === 0 ? undefined : Math.max(...trusted);
}

/** mulberry32: the same sequence for the same seed. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A third is always on and has a right clock, a third is off at times, a third has a wrong clock as well. */
function makeMachine(number: number): Machine {
  const random = seeded(number);
  const kind = number % 3;
  const off: Span[] = [];
  for (let at = begins; kind > 0; ) {
    const from = at + random() * 40 * dayMs;
    const to = from + (random() < 0.5 ? random() * 3 * hourMs : random() * 20 * dayMs);
    if (to > ends) break;
    off.push({ from: Math.floor(from), to: Math.floor(to) });
    at = to;
  }
  const clock: { from: number; aheadMs: number }[] = [];
  for (let at = begins + 30 * dayMs; kind === 2 && at < ends - 60 * dayMs; at += 30 * dayMs * random() + dayMs) {
    const from = Math.floor(at);
    // years ahead for some hours; or seconds and minutes, this way and that
    if (random() < 0.2)
      clock.push({ from, aheadMs: 9 * 365 * dayMs + 12_345 }, { from: from + 5 * hourMs, aheadMs: 0 });
    else clock.push({ from, aheadMs: Math.floor((random() - 0.5) * 20 * minuteMs) });
  }
  clock.sort((a, b) => a.from - b.from);
  return { zone: zones[number % zones.length] ?? "UTC", off, clock };
}

describe("a year of a fleet", () => {
  const fleet: Played[] = [];

  before(() => {
    const shared = new Map<string, Pick<Timing, "occurrences" | "windows"> & { all: readonly number[] }>();
    for (const number of Array.from({ length: machines }).keys()) {
      const machine = makeMachine(number);
      for (const plan of plans) {
        const key = `${plan.name} ${machine.zone}`;
        const times = shared.get(key) ?? {
          occurrences: new Occurrences(plan.cron, machine.zone),
          windows: new Windows(plan.windows, machine.zone),
          all: allOf(plan, machine.zone),
        };
        shared.set(key, times);
        const offsetMs = splayOffset(plan.splayMs, [`machine-${number}`, plan.name]);
        const random = seeded(number + 1_000_000);
        const succeeds = () => number % 3 === 0 || random() > 0.1;
        fleet.push(new Played(plan, machine, { ...times, offsetMs, maxAgeMs: plan.maxAgeMs }, times.all, succeeds));
      }
    }
    // in the order of time, a minute at once
    const due = new Map<number, Played[]>([[0, [...fleet]]]);
    const wakes = new Map<Played, number>(fleet.map((played) => [played, begins]));
    for (let minute = 0; minute < (ends - begins) / minuteMs; minute += 1) {
      for (const played of due.get(minute) ?? []) {
        let at = wakes.get(played) ?? begins;
        const over = begins + (minute + 1) * minuteMs;
        while (at < over) at = Math.max(played.wake(at), at + 1);
        wakes.set(played, at);
        const later = Math.floor((at - begins) / minuteMs);
        due.set(later, [...(due.get(later) ?? []), played]);
      }
      due.delete(minute);
    }
  });

  test("something was played", () => {
    const starts = fleet.reduce((sum, { starts: { length } }) => sum + length, 0);
    assert.ok(starts > 150_000, `${starts} starts`);
  });

  test("each occurrence at most once", () => {
    for (const { starts, plan } of fleet) {
      assert.equal(new Set(starts.map(({ momentMs }) => momentMs)).size, starts.length, plan.name);
    }
  });

  test("never outside of a window, by the machine's clock, and never while it is off", () => {
    for (const { starts, timing, machine } of fleet) {
      for (const { clockMs, atMs } of starts) {
        assert.ok(timing.windows.isOpen(clockMs));
        assert.ok(!machine.off.some(({ from, to }) => atMs >= from && atMs < to));
      }
    }
  });

  test("of machines that are always on: every one, at its moment, also over days of 23 and 25 hours", () => {
    for (const { starts, plan, machine, timing, occurrences } of fleet) {
      if (machine.off.length > 0 || machine.clock.length > 0) continue;
      const found = starts.map(({ momentMs, atMs }) => ({ momentMs, atMs }));
      if (plan.name === "nightly") {
        // two a night: that of 0:00, and at the opening one for 6:00 (or a splay later), 12:00 and 18:00 together
        assert.ok(Math.abs(found.length - 2 * 365) <= 2, `${found.length} in ${machine.zone}`);
        continue;
      }
      const expected = occurrences
        .map((momentMs) => ({ momentMs, atMs: momentMs + timing.offsetMs }))
        .filter(({ atMs }) => atMs < ends);
      assert.equal(expected.length, plan.name === "daily" ? 365 : 52);
      assert.deepEqual(found, expected, `${plan.name} in ${machine.zone}`);
    }
  });

  test("none is lost: as soon as a machine is on and may begin, it begins, for this occurrence or a newer one", () => {
    for (const { starts, plan, machine, timing, occurrences } of fleet) {
      if (machine.clock.length > 0) continue;
      let last = 0;
      for (const ms of occurrences) {
        const may = firstChance(machine, timing, ms + timing.offsetMs);
        if (may >= ends - dayMs) break;
        // in their order, as the occurrences are
        while ((starts[last]?.momentMs ?? ms) < ms) last += 1;
        const answered = starts[last];
        assert.ok(answered, `${plan.name} of ${new Date(ms).toISOString()} in ${machine.zone}`);
        // a newer one that waited for the opening begins at a moment of its own after it
        const spread = plan.windows.length > 0 ? timing.offsetMs : 0;
        assert.ok(answered.atMs <= may + spread, `${plan.name} of ${new Date(ms).toISOString()} in ${machine.zone}`);
      }
    }
  });

  test("who comes back begins once, with the newest", () => {
    let seen = 0;
    for (const { starts, plan, machine, timing } of fleet) {
      if (plan.name !== "daily" || machine.clock.length > 0) continue;
      for (const { from, to } of machine.off) {
        const missed = timing.occurrences.newest(to - timing.offsetMs);
        if (missed === undefined || missed + timing.offsetMs < from || to + minuteMs > ends) continue;
        const since = ({ momentMs, atMs }: Start) => atMs >= to && momentMs + timing.offsetMs <= to;
        const back = starts.filter((start) => since(start) && start.atMs < to + minuteMs);
        assert.deepEqual(
          back.map(({ momentMs }) => momentMs),
          [missed],
        );
        seen += 1;
      }
    }
    assert.ok(seen > 200, `${seen} times`);
  });

  test("a clock that was put forward by years silences nothing, and minutes do not matter", () => {
    let forward = 0;
    for (const { starts, plan, machine } of fleet) {
      if (plan.name !== "daily" || machine.clock.length === 0) continue;
      for (const { from, aheadMs } of machine.clock) forward += aheadMs > dayMs && from > 0 ? 1 : 0;
      for (let day = begins; day < ends - 3 * dayMs; day += dayMs) {
        // two days on end on which it was on, its clock right to some minutes
        const span = { from: day, to: day + 2 * dayMs };
        if (machine.off.some(({ from, to }) => from < span.to && to > span.from)) continue;
        const far = machine.clock.some(
          ({ from, aheadMs }) => aheadMs > dayMs && from < span.to && from + 5 * hourMs > span.from,
        );
        if (far) continue;
        const within = starts.filter(({ atMs }) => atMs >= span.from && atMs < span.to);
        assert.ok(within.length >= 1 && within.length <= 3, `${within.length} in two days`);
      }
    }
    assert.ok(forward > 20, `${forward} times`);
  });

  test("what failed is begun again when the newest good one is too old", () => {
    const extra = fleet.flatMap(({ starts, plan, timing }) =>
      plan.maxAgeMs === undefined
        ? []
        : starts.filter(({ momentMs }) => timing.occurrences.newest(momentMs) !== momentMs),
    );
    assert.ok(extra.length > 100, `${extra.length} times`);
  });
});

/** The first moment from `ms` on at which the machine is on and the window open. */
function firstChance({ off }: Machine, { windows, offsetMs }: Timing, ms: number): number {
  for (let at = ms; ; ) {
    // who waits for the opening begins at a moment of its own after it
    const open = windows.firstOpen(at, offsetMs);
    const span = off.find(({ from, to }) => open >= from && open < to);
    if (span === undefined) return open;
    at = span.to;
  }
}
