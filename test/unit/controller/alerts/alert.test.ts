import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Alert,
  type AlertPolicy,
  advance,
  dueNow,
  flapWindowMs,
  told,
} from "../../../../controller/alerts/alert.ts";
import type { Condition } from "../../../../controller/alerts/condition.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const start = Date.parse("2026-11-01T00:00:00Z");
const policy: AlertPolicy = { pendingForMs: 5 * minuteMs, remindMs: dayMs, atMostEveryMs: 5 * minuteMs };

function condition(machineId: string, sinceMs = start): Condition {
  return { kind: "overdue", subject: `overdue ${machineId}`, machineId, job: "home", sinceMs, message: "no backup" };
}

/** A fleet's alerts, and who is told of them, with no store. */
class Watch {
  readonly alerts = new Map<string, Alert>();
  /** How many of each there were in each message. */
  readonly messages: {
    readonly atMs: number;
    readonly firing: number;
    readonly resolved: number;
    readonly reminders: number;
  }[] = [];
  #ids = 0;
  #toldMs: number | undefined;
  #lookedMs: number | undefined;

  look(nowMs: number, conditions: readonly Condition[], rules = policy): void {
    const all = [...this.alerts.values()];
    const resolved = all.filter(
      ({ state, resolvedMs }) => state === "resolved" && (resolvedMs ?? 0) > nowMs - flapWindowMs,
    );
    const changes = advance(
      {
        conditions,
        open: all.filter(({ state }) => state !== "resolved"),
        flaps: new Map(resolved.map(({ subject, flaps }) => [subject, flaps])),
        isAfterGap: this.#lookedMs === undefined || nowMs - this.#lookedMs > 2 * minuteMs,
      },
      rules,
      nowMs,
      () => {
        this.#ids += 1;
        return `${this.#ids}`;
      },
    );
    this.#lookedMs = nowMs;
    for (const alert of changes.put) this.alerts.set(alert.id, alert);
    for (const id of changes.drop) this.alerts.delete(id);
    const due = dueNow([...this.alerts.values()], this.#toldMs, rules, nowMs);
    if (due === undefined) return;
    this.#toldMs = nowMs;
    const { firing, resolved: over, reminders } = due;
    for (const alert of [...firing, ...over, ...reminders]) this.alerts.set(alert.id, told(alert, nowMs));
    this.messages.push({ atMs: nowMs, firing: firing.length, resolved: over.length, reminders: reminders.length });
  }

  /** Every 30 s. */
  lookUntil(fromMs: number, toMs: number, conditions: (ms: number) => readonly Condition[], rules = policy): void {
    for (let ms = fromMs; ms < toMs; ms += 30_000) this.look(ms, conditions(ms), rules);
  }

  states(): string[] {
    return [...this.alerts.values()].map(({ state }) => state);
  }
}

test("what passes by itself is told to nobody", () => {
  const watch = new Watch();
  watch.lookUntil(start, start + 4 * minuteMs, () => [condition("a")]);
  assert.deepEqual(watch.states(), ["pending"]);
  watch.lookUntil(start + 4 * minuteMs, start + hourMs, () => []);
  assert.deepEqual(watch.states(), []);
  assert.deepEqual(watch.messages, []);
});

test("what lasts fires once, is reminded of once a day, and resolved once", () => {
  const watch = new Watch();
  const end = start + 2.5 * dayMs;
  watch.lookUntil(start, start + 4 * dayMs, (ms) => (ms < end ? [condition("a")] : []));
  assert.deepEqual(
    watch.messages.map(({ atMs, ...counts }) => [(atMs - start) / minuteMs, counts]),
    [
      [5, { firing: 1, resolved: 0, reminders: 0 }],
      [5 + 24 * 60, { firing: 0, resolved: 0, reminders: 1 }],
      [5 + 48 * 60, { firing: 0, resolved: 0, reminders: 1 }],
      [60 * 60 + 5, { firing: 0, resolved: 1, reminders: 0 }],
    ],
  );
  assert.deepEqual(watch.states(), ["resolved"]);
});

test("what is gone for a moment is not gone", () => {
  const watch = new Watch();
  const isGone = (ms: number) => ms >= start + hourMs && ms < start + hourMs + 4 * minuteMs;
  watch.lookUntil(start, start + 5 * hourMs, (ms) => (isGone(ms) ? [] : [condition("a")]));
  assert.equal(watch.messages.length, 1);
  assert.deepEqual(watch.states(), ["firing"]);
});

test("what comes and goes every ten minutes is told of a few times a day, not 144 times", () => {
  const watch = new Watch();
  watch.lookUntil(start, start + dayMs, (ms) =>
    Math.floor((ms - start) / (10 * minuteMs)) % 2 === 0 ? [condition("a")] : [],
  );
  const undamped = 72;
  assert.ok(watch.messages.length <= 6, `${watch.messages.length} of ${undamped}`);
  assert.deepEqual(watch.states().at(-1), "firing");
});

test("everything overdue at once is one message", () => {
  const watch = new Watch();
  const fleet = Array.from({ length: 10_000 }, (_, n) => condition(`m${n}`));
  for (const minute of [0, 1, 2, 3, 4, 5, 6, 7]) watch.look(start + minute * minuteMs, fleet);
  assert.deepEqual(watch.messages, [{ atMs: start + 5 * minuteMs, firing: 10_000, resolved: 0, reminders: 0 }]);
});

test("after the controller was away, machines have time to report before anybody is woken", () => {
  const watch = new Watch();
  // pending when the controller went
  watch.look(start, [condition("a"), condition("b")]);
  const back = start + 8 * hourMs;
  // back, and nothing heard yet: all would be overdue since long
  watch.lookUntil(back, back + 3 * minuteMs, () => [condition("a"), condition("b")]);
  assert.deepEqual(watch.messages, []);
  // one has reported what it did meanwhile
  watch.lookUntil(back + 3 * minuteMs, back + 10 * minuteMs, () => [condition("b")]);
  assert.deepEqual(watch.messages, [{ atMs: back + 5 * minuteMs, firing: 1, resolved: 0, reminders: 0 }]);
});

test("what comes up one after the other is gathered", () => {
  const watch = new Watch();
  // a host fails, and its 60 machines notice it over an hour
  watch.lookUntil(start, start + 70 * minuteMs, (ms) =>
    Array.from({ length: 60 }, (_, n) => condition(`m${n}`, start + n * minuteMs)).filter(
      ({ sinceMs }) => sinceMs <= ms,
    ),
  );
  assert.equal(
    watch.messages.reduce((sum, { firing }) => sum + firing, 0),
    60,
  );
  assert.ok(watch.messages.length <= 13, `${watch.messages.length}`);
});

test("reminders of what began at different times of a day come together", () => {
  const watch = new Watch();
  const conditions = Array.from({ length: 40 }, (_, n) => condition(`m${n}`, start + n * minuteMs));
  watch.lookUntil(start, start + 5 * dayMs, (ms) => conditions.filter(({ sinceMs }) => sinceMs <= ms));
  const reminders = watch.messages.filter(({ reminders: count }) => count > 0);
  assert.equal(
    reminders.reduce((sum, { reminders: count }) => sum + count, 0),
    40 * 4,
  );
  assert.ok(reminders.length <= 4, `${reminders.length}`);
});

test("a clock that was ahead, and is put right, keeps nothing waiting", () => {
  const watch = new Watch();
  watch.look(start + dayMs, [condition("a")]);
  watch.lookUntil(start, start + 6 * minuteMs, () => [condition("a")]);
  assert.deepEqual(watch.messages, [{ atMs: start + 5 * minuteMs, firing: 1, resolved: 0, reminders: 0 }]);
});

test("told at once, where that is wanted", () => {
  const watch = new Watch();
  const rules = { pendingForMs: 0, remindMs: dayMs, atMostEveryMs: 0 };
  watch.look(start, [condition("a")], rules);
  watch.look(start + 30_000, [], rules);
  assert.deepEqual(
    watch.messages.map(({ firing, resolved }) => [firing, resolved]),
    [
      [1, 0],
      [0, 1],
    ],
  );
});

test("two that say they are about the same are one", () => {
  const watch = new Watch();
  watch.look(start, [condition("a"), { ...condition("a"), message: "newer" }]);
  assert.deepEqual(
    [...watch.alerts.values()].map(({ message }) => message),
    ["newer"],
  );
});

test("a month: 300 machines of which some fail, vanish and come back; a night without the controller", () => {
  const watch = new Watch();
  const random = seeded(7);
  const machines = Array.from({ length: 300 }, (_, n) => {
    const goneMs = start + random() * 30 * dayMs;
    return { id: `m${n}`, isSick: n % 10 === 0, goneMs, backMs: goneMs + 2 * dayMs * random() };
  });
  const sick = machines.filter(({ isSick }) => isSick);
  const conditionsAt = (ms: number) =>
    sick.filter(({ goneMs, backMs }) => ms >= goneMs && ms < backMs).map(({ id, goneMs }) => condition(id, goneMs));
  const [outage, back] = [start + 10 * dayMs, start + 10 * dayMs + 9 * hourMs];
  let lookedMs = start;
  for (; lookedMs < start + 33 * dayMs; lookedMs += 60_000) {
    if (lookedMs < outage || lookedMs >= back) watch.look(lookedMs, conditionsAt(lookedMs));
  }
  const all = [...watch.alerts.values()];
  // whoever was gone for long enough while somebody looked was told of, and that it is back as well
  const noticed = sick.filter(({ goneMs, backMs }) => {
    const seenMs = goneMs >= outage && goneMs < back ? back : goneMs;
    const shownMs = goneMs < outage && backMs > outage && outage - goneMs < 6 * minuteMs ? back : seenMs;
    return backMs - shownMs > 7 * minuteMs && !(goneMs < outage && backMs > outage && backMs < back);
  });
  for (const { id } of noticed) {
    const mine = all.filter(({ machineId }) => machineId === id);
    assert.equal(mine.length, 1, id);
    assert.equal(mine[0]?.state, "resolved", id);
    assert.ok((mine[0]?.notified ?? 0) >= 2, id);
    assert.ok((mine[0]?.notifiedMs ?? 0) >= (mine[0]?.resolvedMs ?? Infinity), id);
  }
  assert.ok(noticed.length > 20);
  // no two messages within five minutes
  const times = watch.messages.map(({ atMs }) => atMs);
  assert.ok(times.every((ms, index) => index === 0 || ms - (times[index - 1] ?? 0) >= policy.atMostEveryMs));
  // nobody who is well was told of
  assert.ok(all.every(({ machineId }) => sick.some(({ id }) => id === machineId)));
});

/** Mulberry32. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
