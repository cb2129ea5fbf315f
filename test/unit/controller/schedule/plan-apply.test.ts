import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type AppliedSchedule, type ApplyQuestion, planApply } from "../../../../controller/schedule/plan-apply.ts";
import { readSchedules } from "../../../../controller/schedule/schedule-file.ts";

const nowMs = Date.UTC(2026, 10, 28, 12);
const longAgoMs = nowMs - 1e9;
const machines = [
  { name: "web1", labels: { env: "prod" } },
  { name: "web2", labels: { env: "prod" } },
  { name: "test1", labels: { env: "test" } },
];

function read(text: string) {
  return readSchedules(text, "f");
}

function applied(text: string): AppliedSchedule[] {
  return read(text).map((schedule) => ({ schedule, sinceMs: longAgoMs, revision: 3 }));
}

function plan(question: Partial<ApplyQuestion>) {
  return planApply({ current: [], wanted: [], machines, prune: false, everyMachine: false, nowMs, ...question });
}

const nightly = "{ name: nightly, selector: env=prod, verb: backup, job: home, cron: '0 2 * * *', maxAge: 26h }";
const weekly = "{ name: weekly, selector: env=test, verb: trim, volume: home, cron: '@weekly' }";

describe("applying schedules", () => {
  it("adds what is new, from now on", () => {
    const { changes, warnings } = plan({ wanted: read(nightly) });
    const [change] = changes;
    assert.equal(change?.kind, "added");
    assert.equal(change?.machines, 2);
    assert.deepEqual(
      change?.fields.map(({ field, before, after }) => [field, before, after]),
      [
        ["selector", "", "env=prod"],
        ["verb", "", "backup"],
        ["job", "", "home"],
        ["cron", "", "0 2 * * *"],
        ["maxAge", "", "1d2h"],
      ],
    );
    assert.equal(change?.next?.sinceMs, nowMs);
    assert.equal(change?.next?.revision, 1);
    assert.deepEqual(warnings, []);
  });

  it("changes nothing where the same is said in other words", () => {
    const other = nightly.replace("26h", "1d2h").replace("selector: env=prod", 'selector: " env = prod "');
    const { changes } = plan({ current: applied(nightly), wanted: read(other) });
    assert.deepEqual(
      changes.map(({ kind, fields, next }) => [kind, fields, next]),
      [["unchanged", [], undefined]],
    );
  });

  it("shows what changes, field by field", () => {
    const other = nightly.replace("maxAge: 26h", "splay: 1h").replace("home", "'*'");
    const { changes } = plan({ current: applied(nightly), wanted: read(other) });
    assert.deepEqual(changes[0]?.fields, [
      { field: "job", before: "home", after: '"*"' },
      { field: "maxAge", before: "1d2h", after: "" },
      { field: "splay", before: "", after: "1h" },
    ]);
    assert.equal(changes[0]?.next?.revision, 4);
  });

  const others: [string, string, string, number][] = [
    ["another cron", "0 2 * * *", "0 3 * * *", nowMs],
    ["another time zone", "cron:", "timezone: Asia/Tokyo, cron:", nowMs],
    ["another job", "job: home", "job: db", nowMs],
    ["another selector", "env=prod", "env=test", longAgoMs],
    ["another age", "26h", "27h", longAgoMs],
    ["a splay", "cron:", "splay: 1h, cron:", longAgoMs],
  ];
  for (const [what, from, to, sinceMs] of others) {
    it(`with ${what}, occurrences count ${sinceMs === nowMs ? "from now on" : "as before"}`, () => {
      const { changes } = plan({ current: applied(nightly), wanted: read(nightly.replace(from, to)) });
      assert.equal(changes[0]?.kind, "changed");
      assert.equal(changes[0]?.next?.sinceMs, sinceMs);
    });
  }

  it("leaves what is not in the text, and deletes it only when that is said", () => {
    const current = applied(`[${nightly}, ${weekly}]`);
    const left = plan({ current, wanted: read(nightly) });
    assert.deepEqual(
      left.changes.map(({ name, kind, fields }) => [name, kind, fields.length]),
      [
        ["nightly", "unchanged", 0],
        ["weekly", "left", 0],
      ],
    );
    const pruned = plan({ current, wanted: read(nightly), prune: true });
    assert.deepEqual(
      pruned.changes.map(({ name, kind, machines: count, next }) => [name, kind, count, next]),
      [
        ["nightly", "unchanged", 2, undefined],
        ["weekly", "deleted", 1, undefined],
      ],
    );
    assert.deepEqual(pruned.changes[1]?.fields[0], { field: "selector", before: "env=test", after: "" });
  });

  it("warns where no machine fits", () => {
    const { changes, warnings } = plan({ wanted: read(nightly.replace("prod", "staging")) });
    assert.equal(changes[0]?.machines, 0);
    assert.deepEqual(warnings, ['nightly: no machine fits "env=staging"; luksmith fleet machines shows their labels']);
  });

  it("warns where several machines would ping one address", () => {
    const ping = (url: string) => nightly.replace("}", `, ping: "${url}" }`);
    assert.match(plan({ wanted: read(ping("https://c/x")) }).warnings[0] ?? "", /2 machines would tell one address/);
    assert.deepEqual(plan({ wanted: read(ping("https://c/{machine}")) }).warnings, []);
  });

  for (const selector of ["all", "name=*", "env=*"]) {
    it(`refuses ${selector} unless every machine is meant`, () => {
      const wanted = read(nightly.replace("env=prod", `"${selector}"`));
      assert.throws(() => plan({ wanted }), {
        code: "usage",
        message: '"nightly" selects every machine of the fleet, which has 3',
        hint: /--all-machines/,
      });
      assert.equal(plan({ wanted, everyMachine: true }).changes[0]?.machines, 3);
      const current = wanted.map((schedule) => ({ schedule, sinceMs: longAgoMs, revision: 1 }));
      assert.equal(plan({ current, wanted }).changes[0]?.kind, "unchanged");
    });
  }
});
