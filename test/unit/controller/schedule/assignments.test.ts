import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { assignmentsFor, FleetSchedules } from "../../../../controller/schedule/assignments.ts";
import { readSchedules } from "../../../../controller/schedule/schedule-file.ts";
import { Verb } from "../../../../proto/gen/luksmith/v1/types.ts";

const sinceMs = Date.UTC(2026, 0, 1);
const machine = { name: "web1", labels: { env: "prod" }, state: "active", enrolledMs: sinceMs - 1000 } as const;

function schedules(text: string, since = sinceMs): FleetSchedules {
  return new FleetSchedules(readSchedules(text, "f").map((schedule) => ({ schedule, sinceMs: since, revision: 1 })));
}

const text = `
- { name: b, selector: env=prod, verb: trim, volume: home, cron: "@weekly" }
- name: a
  selector: name=web*
  verb: backup
  job: "*"
  cron: "0 2 * * *"
  timezone: Europe/Berlin
  splay: 30m
  windows: [{ days: [sat], from: "22:00", to: "06:00" }]
  maxAge: 9d
  maxConcurrent: { perBackupHost: 2 }
  retry: { attempts: 3, firstWait: 1m }
  deadline: 6h
- { name: c, selector: env=test, verb: trim, volume: home, cron: "@weekly" }
`;

describe("the schedules of a machine", () => {
  it("are those that select it, with all that they say", () => {
    const { revision, assignments } = assignmentsFor(machine, schedules(text));
    assert.match(revision, /^[0-9a-f]{32}$/);
    assert.deepEqual(assignments, [
      {
        schedule: "a",
        work: {
          verb: Verb.BACKUP,
          job: "*",
          volume: "",
          dryRun: false,
          level: "",
          deadlineMs: 21_600_000,
          retry: { attempts: 3, waitMs: 60_000, longestWaitMs: 0 },
        },
        cron: "0 2 * * *",
        timezone: "Europe/Berlin",
        splayMs: 1_800_000,
        windows: [{ days: [6], fromMinute: 1320, toMinute: 360 }],
        needsPermit: true,
        since: new Date(sinceMs),
        maxAgeMs: 777_600_000,
      },
      {
        schedule: "b",
        work: { verb: Verb.TRIM, job: "", volume: "home", dryRun: false, level: "", deadlineMs: 0, retry: undefined },
        cron: "@weekly",
        timezone: "",
        splayMs: 0,
        windows: [],
        needsPermit: false,
        since: new Date(sinceMs),
        maxAgeMs: 0,
      },
    ]);
  });

  it("have another revision when they are others, and the same whatever their order", () => {
    const revision = (of: FleetSchedules) => assignmentsFor(machine, of).revision;
    const first = revision(schedules(text));
    const turned = readSchedules(text, "f").toReversed();
    assert.equal(revision(new FleetSchedules(turned.map((schedule) => ({ schedule, sinceMs, revision: 9 })))), first);
    assert.notEqual(revision(schedules(text.replace("30m", "31m"))), first);
    assert.notEqual(revision(schedules(text, sinceMs + 1)), first);
    assert.equal(revision(schedules(text.replace("env=test", "env=staging"))), first);
  });

  it("have no occurrences before it came", () => {
    const late = { ...machine, enrolledMs: sinceMs + 5000 };
    const [first] = assignmentsFor(late, schedules(text)).assignments;
    assert.deepEqual(first?.since, new Date(sinceMs + 5000));
  });

  for (const state of ["pending", "revoked"] as const) {
    it(`are none while it is ${state}`, () => {
      assert.deepEqual(assignmentsFor({ ...machine, state }, schedules(text)), { revision: "", assignments: [] });
    });
  }
});
