import assert from "node:assert/strict";
import { test } from "node:test";
import { conditionsOf, type WatchedMachine } from "../../../../controller/alerts/condition.ts";
import { quotaNotice } from "../../../../controller/quota/quota.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const now = Date.parse("2026-11-28T12:00:00Z");

const well: WatchedMachine = {
  id: "m1",
  enrolledMs: now - 100 * dayMs,
  jobs: [{ job: "home", sinceMs: now - 90 * dayMs, lastGoodMs: now - 5 * hourMs }],
  expectations: [{ job: "home", maxAgeMs: 26 * hourMs, sinceMs: now - 80 * dayMs }],
  runs: [],
  notBegun: [],
  certificate: { issuedMs: now - 10 * dayMs, expiresMs: now + 20 * dayMs },
  clockSkewMs: 200,
  notice: "",
};

const run = { runId: "r1", verb: "backup", job: "home", volume: "vault", startedMs: now - hourMs };
const due = {
  ...{ schedule: "nightly", job: "home", volume: "", momentMs: now - 2 * hourMs },
  reason: "volume home has not been created yet",
};
const job = (lastGoodMs: number | undefined, sinceMs = now - 90 * dayMs) => [{ job: "home", sinceMs, lastGoodMs }];

test("nothing is wrong", () => assert.deepEqual(conditionsOf(well, now), []));

test("what is wrong, and since when", async (t) => {
  const cases: [string, Partial<WatchedMachine>, [kind: string, job: string, sinceMs: number, message: RegExp][]][] = [
    [
      "the last good snapshot is too old",
      { jobs: job(now - 27 * hourMs) },
      [["overdue", "home", now - hourMs, /^no good backup within 26 h: the last is of 2026-11-27 09:00 UTC$/]],
    ],
    ["to the millisecond: not yet", { jobs: job(now - 26 * hourMs + 1) }, []],
    ["to the millisecond: now", { jobs: job(now - 26 * hourMs) }, [["overdue", "home", now, /./]]],
    [
      "it never succeeded since the schedule is there",
      { jobs: job(undefined) },
      [["overdue", "home", now - 80 * dayMs + 26 * hourMs, /none since it was asked for, 2026-09-09 12:00 UTC$/]],
    ],
    ["it never succeeded, but is known for an hour alone", { jobs: job(undefined, now - hourMs) }, []],
    ["the machine enrolled an hour ago", { enrolledMs: now - hourMs, jobs: [] }, []],
    [
      "the machine has no such job, and never had",
      { jobs: [] },
      [
        [
          "overdue",
          "home",
          now - 80 * dayMs + 26 * hourMs,
          /^no good backup within 26 h: the machine tells of no such job$/,
        ],
      ],
    ],
    [
      "each of its jobs is to be backed up, and none is known",
      { jobs: [], expectations: [{ job: "*", maxAgeMs: 26 * hourMs, sinceMs: now - 27 * hourMs }] },
      [["overdue", "*", now - hourMs, /^no good backup within 26 h: the machine tells of no job at all$/]],
    ],
    [
      "no job is known, of a machine that has enrolled a moment ago",
      { jobs: [], enrolledMs: now - hourMs, expectations: [{ job: "*", maxAgeMs: 26 * hourMs, sinceMs: 0 }] },
      [],
    ],
    [
      "of two schedules the strictest counts, once",
      {
        expectations: [
          { job: "home", maxAgeMs: 26 * hourMs, sinceMs: now - 80 * dayMs },
          { job: "home", maxAgeMs: 4 * hourMs, sinceMs: now - 80 * dayMs },
        ],
      },
      [["overdue", "home", now - hourMs, /within 4 h/]],
    ],
    [
      "a snapshot from the future is none",
      { jobs: job(now + 2 * dayMs) },
      [["overdue", "home", now - 80 * dayMs + 26 * hourMs, /./]],
    ],
    ["nobody asked for a backup", { expectations: [], jobs: job(undefined) }, []],
    [
      "the last run failed",
      { runs: [{ ...run, trouble: { failed: "the host is full" } }] },
      [["failing", "home", now - hourMs, /^backup failed \(run r1\): the host is full$/]],
    ],
    [
      "a run on a volume failed",
      { runs: [{ ...run, verb: "trim", job: "", trouble: { failed: "no" } }] },
      [["failing", "", now - hourMs, /^trim of volume vault failed/]],
    ],
    [
      "a run takes longer than it may",
      { runs: [{ ...run, trouble: { lateSinceMs: now - 5 } }] },
      [["late", "home", now - 5, /under way since 2026-11-28 11:00 UTC, longer than it may/]],
    ],
    [
      "the certificate has not been renewed",
      { certificate: { issuedMs: now - 26 * dayMs, expiresMs: now + 4 * dayMs } },
      [["certificate", "", now - dayMs, /ends 2026-12-02 12:00 UTC, and has not been renewed/]],
    ],
    ["it is not due for that", { certificate: { issuedMs: now - 24 * dayMs, expiresMs: now + 6 * dayMs } }, []],
    [
      "the certificate has ended",
      { certificate: { issuedMs: now - 31 * dayMs, expiresMs: now - dayMs } },
      [["certificate", "", now - 6 * dayMs, /has to enrol again/]],
    ],
    [
      "what was due could not begin",
      { notBegun: [due, { ...due, job: "", volume: "vault", momentMs: now + hourMs }] },
      [
        [
          "failing",
          "home",
          now - 2 * hourMs,
          /^nightly was due and could not begin: volume home has not been created yet$/,
        ],
        ["failing", "", now, /^nightly, on volume vault, was due and could not begin: /],
      ],
    ],
    ["it was made good since", { notBegun: [due], jobs: job(now - hourMs) }, []],
    ["two agents", { notice: "two agents: a and b" }, [["identity", "", now, /^two agents: a and b$/]]],
    ["too much reported", { notice: quotaNotice }, [["quota", "", now, /^it has reported more than is kept/]]],
    ["a clock that is ahead", { clockSkewMs: 7 * 60_000 }, [["clock", "", now, /clock is 7 min ahead$/]]],
    ["a clock that is behind", { clockSkewMs: -dayMs }, [["clock", "", now, /clock is 24 h behind$/]]],
    ["a clock that is a little ahead", { clockSkewMs: 5 * 60_000 }, []],
  ];
  for (const [name, change, expected] of cases) {
    await t.test(name, () => {
      const found = conditionsOf({ ...well, ...change }, now);
      assert.deepEqual(
        found.map((each) => [each.kind, each.job, each.sinceMs]),
        expected.map(([kind, about, sinceMs]) => [kind, about, sinceMs]),
      );
      for (const [index, [, , , message]] of expected.entries()) assert.match(found[index]?.message ?? "", message);
    });
  }
});

test("what is about different things has different subjects", () => {
  const machine = {
    ...well,
    jobs: [],
    clockSkewMs: dayMs,
    notice: "look",
    runs: [
      { ...run, trouble: { failed: "a" } },
      { ...run, verb: "verify", trouble: { failed: "a" } },
      { ...run, job: "", volume: "other", verb: "trim", trouble: { failed: "a" } },
      { ...run, job: "", verb: "trim", trouble: { failed: "a" } },
      { ...run, trouble: { lateSinceMs: 1 } },
    ],
  };
  const found = conditionsOf(machine, now);
  assert.equal(found.length, 8);
  assert.equal(new Set(found.map(({ subject }) => subject)).size, 8);
});

test("what is said stays the same while it is so", () => {
  const overdue = { ...well, jobs: job(now - 3 * dayMs) };
  assert.deepEqual(conditionsOf(overdue, now), conditionsOf(overdue, now + hourMs));
});
