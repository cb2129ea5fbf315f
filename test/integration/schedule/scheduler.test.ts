import assert from "node:assert/strict";
import { test } from "node:test";
import type { Occurrence } from "../../../agent/schedule/scheduler.ts";
import { LuksmithError } from "../../../common/errors.ts";
import { ScheduleAssignment } from "../../../proto/gen/luksmith/v1/fleet.ts";
import { RunState, Verb } from "../../../proto/gen/luksmith/v1/types.ts";
import { stateDirectory } from "../runs/agent-life.ts";
import { configText, daily, quiet, ScheduledLife, until } from "./scheduled-life.ts";

const dayMinutes = 24 * 60;

/** A run that goes on until the test lets it end. */
function held() {
  const { promise, resolve } = Promise.withResolvers<void>();
  const work = async () => {
    await promise;
    return { state: "done", summary: "" } as const;
  };
  return { work, release: () => resolve() };
}

function ofFleet(changes: Parameters<typeof ScheduleAssignment.create>[0] = {}): ScheduleAssignment {
  return ScheduleAssignment.create({
    schedule: "nightly",
    work: { verb: Verb.BACKUP, job: "*" },
    cron: "0 2 * * *",
    timezone: "UTC",
    ...changes,
  });
}

test("a backup begins at its moment, day after day, once, and says why it began", async (t) => {
  const life = new ScheduledLife(stateDirectory(t), "2026-03-09T12:00:00Z").begin();
  assert.deepEqual(life.scheduler.nextBackup("home"), {
    at: new Date("2026-03-10T02:00:00Z"),
    schedule: "jobs.home",
    waitsFor: "",
  });
  assert.equal(life.scheduler.nextBackup("srv"), undefined);
  await life.pass(2 * dayMinutes);
  assert.deepEqual(life.begun(), ["backup home 03-10T02:00", "backup home 03-11T02:00"]);
  const run = life.runs.get("last");
  assert.equal(run.state, RunState.DONE);
  assert.deepEqual(run.caller, { uid: 0, name: "schedule jobs.home" });
  assert.deepEqual(life.occurrences.causeOf(run.id), {
    schedule: "jobs.home",
    occurrence: new Date("2026-03-11T02:00:00Z"),
    dispatchId: "",
  });
  assert.equal(life.occurrences.causeOf("0000000000"), undefined);
  await life.end();
});

test("what was missed while the machine was off is one backup, and the next is at its moment", async (t) => {
  const directory = stateDirectory(t);
  await new ScheduledLife(directory, "2026-03-09T12:00:00Z").begin().end();
  const life = new ScheduledLife(directory, "2026-03-14T08:00:00Z").begin();
  await until(() => life.begun().length === 1);
  await life.pass(dayMinutes);
  assert.deepEqual(life.begun(), ["backup home 03-14T08:00", "backup home 03-15T02:00"]);
  await life.end();
  const next = new ScheduledLife(directory, "2026-03-15T09:00:00Z").begin();
  await next.pass(5);
  assert.equal(next.begun().length, 2, "an agent that starts anew does nothing again");
  await next.end();
});

test("a schedule that is new, or has other times, does not begin with what was before", async (t) => {
  const directory = stateDirectory(t);
  const life = new ScheduledLife(directory, "2026-03-10T08:00:00Z").begin();
  await life.pass(5);
  assert.deepEqual(life.begun(), []);
  await life.end();
  const config = configText({ home: '{ cron: "0 7 * * *", timezone: UTC }' });
  const other = new ScheduledLife(directory, "2026-03-10T09:00:00Z", { config }).begin();
  await other.pass(5);
  assert.deepEqual(other.begun(), []);
  await other.end();
});

test("it waits for its volume, and two on one volume take turns", async (t) => {
  const config = configText({ home: daily, etc: daily });
  const life = new ScheduledLife(stateDirectory(t), "2026-03-10T01:58:00Z", { config });
  const restore = held();
  const first = life.runs.start({ verb: Verb.RESTORE, volume: "home", caller: { uid: 0, name: "root" } }, restore.work);
  const backup = held();
  life.work = backup.work;
  life.begin();
  await life.pass(30);
  assert.equal(life.begun().length, 1);
  assert.equal(life.scheduler.nextBackup("home")?.waitsFor, "volume");
  restore.release();
  await life.runs.wait(first.id);
  await until(() => life.running() === 1);
  await life.pass(30);
  assert.equal(life.begun().length, 2, "one at a time");
  backup.release();
  await until(() => life.begun().length === 3 && life.running() === 0);
  await life.pass(10);
  assert.deepEqual(
    life.begun().map((each) => each.slice(0, -12)),
    ["restore home", "backup home", "backup etc"],
  );
  await life.end();
});

test("a backup that is under way when the next is due is not joined by it; that one follows", async (t) => {
  const config = configText({ home: '{ cron: "@hourly", timezone: UTC }' });
  const life = new ScheduledLife(stateDirectory(t), "2026-03-10T01:58:00Z", { config });
  const long = held();
  life.work = long.work;
  life.begin();
  await life.pass(200);
  assert.equal(life.begun().length, 1);
  life.work = async () => ({ state: "done", summary: "" });
  long.release();
  await until(() => life.begun().length === 2);
  await life.pass(20);
  assert.deepEqual(life.begun(), ["backup home 03-10T02:00", "backup home 03-10T05:18"]);
  await life.end();
});

test("a clock that is put back a little, or was years ahead, doubles and silences nothing", async (t) => {
  const life = new ScheduledLife(stateDirectory(t), "2026-03-10T01:59:00Z").begin();
  await life.pass(2);
  assert.equal(life.begun().length, 1);
  life.clock.set(new Date("2026-03-10T01:59:30Z"));
  await life.pass(5);
  assert.equal(life.begun().length, 1);
  life.clock.set(new Date("2031-01-01T03:00:00Z"));
  await life.pass(1);
  assert.equal(life.begun().length, 2, "as far as the machine knows it has missed a lot");
  life.clock.set(new Date("2026-03-10T02:30:00Z"));
  await life.pass(dayMinutes);
  assert.equal(life.begun().length, 3);
  assert.deepEqual(life.occurrences.causeOf(life.runs.get("last").id)?.occurrence, new Date("2026-03-11T02:00:00Z"));
  await life.end();
});

test("a schedule that was first seen by a clock that was years ahead does not wait for that day", async (t) => {
  const directory = stateDirectory(t);
  await new ScheduledLife(directory, "2031-01-01T12:00:00Z").begin().end();
  const life = new ScheduledLife(directory, "2026-03-10T01:00:00Z").begin();
  await life.pass(dayMinutes);
  assert.deepEqual(life.begun(), ["backup home 03-10T02:00"]);
  await life.end();
});

test("what cannot begin is refused for this time, and tried the next", async (t) => {
  const refused: string[] = [];
  const directory = stateDirectory(t);
  const life = new ScheduledLife(directory, "2026-03-09T12:00:00Z", {
    start: async () => {
      refused.push(life.clock.now().toISOString().slice(5, 16));
      throw new LuksmithError("not_found", "volume home has not been created on this machine");
    },
  }).begin();
  await life.pass(2 * dayMinutes);
  assert.deepEqual(refused, ["03-10T02:00", "03-11T02:00"]);
  const last = [["home", "2026-03-11T02:00:00.000Z", "volume home has not been created on this machine"]];
  const told = ({ scheduler }: ScheduledLife) =>
    scheduler.notBegun().map(({ job, moment, error }) => [job, moment.toISOString(), error.message]);
  assert.deepEqual(told(life), last);
  await life.end();

  const next = new ScheduledLife(directory, "2026-03-12T01:59:00Z");
  assert.deepEqual(told(next), last);
  await next.begin().pass(2);
  assert.deepEqual(told(next), []);
  await next.end();
});

test("a history that cannot be written ends no backups, and doubles none", async (t) => {
  const life = new ScheduledLife(stateDirectory(t), "2026-03-10T01:59:00Z").begin();
  await life.pass(1);
  assert.equal(life.asked.length, 1);
  life.store.close();
  await life.pass(dayMinutes + 10);
  assert.equal(life.asked.length, 2);
  await life.scheduler.close();
});

test("a backup that failed is begun again when the newest good one is too old, and not before", async (t) => {
  const config = configText({ home: '{ cron: "0 2 * * *", timezone: UTC, maxAge: 26h }' });
  const life = new ScheduledLife(stateDirectory(t), "2026-03-10T01:59:00Z", { config }).begin();
  await life.pass(5);
  life.work = async () => {
    throw new LuksmithError("hook_failed", "the dump failed");
  };
  await life.pass(2 * dayMinutes);
  assert.deepEqual(life.begun(), [
    "backup home 03-10T02:00",
    "backup home 03-11T02:00",
    "backup home 03-11T04:00",
    "backup home 03-12T02:00",
  ]);
  await life.end();
});

test("a permit is waited for, given back, and asked for no longer than the window is open", async (t) => {
  const life = new ScheduledLife(stateDirectory(t), "2026-03-10T21:00:00Z", { config: configText({}) });
  const asked: { occurrence: Occurrence; ended: AbortSignal; grant: () => void }[] = [];
  let returned = 0;
  const giveBack = () => {
    returned += 1;
  };
  life.begin((occurrence, ended) => {
    const { promise, resolve, reject } = Promise.withResolvers<() => void>();
    ended.addEventListener("abort", () => reject(ended.reason));
    asked.push({ occurrence, ended, grant: () => resolve(giveBack) });
    return promise;
  });
  const work = held();
  life.work = work.work;
  const windows = [{ days: [], fromMinute: 22 * 60, toMinute: 23 * 60 }];
  const assignment = ofFleet({
    work: { verb: Verb.BACKUP, job: "srv" },
    ...{ windows, needsPermit: true, since: new Date("2026-03-01T00:00:00Z") },
  });
  assert.deepEqual(life.scheduler.setAssignments([assignment]), []);
  await life.pass(55);
  assert.equal(asked.length, 0);
  await life.pass(10);
  assert.deepEqual(
    asked.map(({ occurrence }) => occurrence),
    [
      {
        ...{ schedule: "nightly", verb: Verb.BACKUP, job: "srv", volume: "srv" },
        moment: new Date("2026-03-10T02:00:00Z"),
      },
    ],
  );
  assert.equal(life.scheduler.nextBackup("srv")?.waitsFor, "permit");
  await life.pass(60);
  assert.ok(asked[0]?.ended.aborted, "the window has closed");
  assert.deepEqual(life.begun(), []);
  await life.pass(23 * 60);
  assert.equal(asked.length, 2);
  asked[1]?.grant();
  await until(() => life.running() === 1);
  assert.equal(returned, 0);
  work.release();
  await until(() => returned === 1);
  // of two that have waited for the same window, it was for the newer
  assert.deepEqual(life.occurrences.causeOf(life.runs.get("last").id)?.occurrence, new Date("2026-03-11T02:00:00Z"));
  await life.end();
});

test("what the fleet asks for: each job, each volume, whatever else stays; until it asks for something else", async (t) => {
  const life = new ScheduledLife(stateDirectory(t), "2026-03-10T01:00:00Z").begin();
  const trim = ofFleet({ schedule: "trim", work: { verb: Verb.TRIM, volume: "*" }, cron: "0 3 * * *" });
  const gone = ofFleet({ schedule: "gone", work: { verb: Verb.VERIFY, job: "nowhere" } });
  assert.deepEqual(life.scheduler.setAssignments([ofFleet(), trim, gone]), []);
  await life.pass(150);
  assert.deepEqual(
    life
      .begun()
      .map((each) => each.slice(0, -12))
      .toSorted(),
    ["backup etc", "backup home", "backup home", "backup srv", "trim home", "trim srv"],
  );
  assert.equal(life.scheduler.nextBackup("etc")?.schedule, "nightly");
  life.scheduler.setAssignments([]);
  assert.equal(life.scheduler.nextBackup("etc"), undefined);
  await life.pass(dayMinutes);
  assert.equal(life.begun().length, 7, "that of the configuration stays");
  // given anew, it does not begin what it has had begun
  life.scheduler.setAssignments([ofFleet({ since: new Date("2026-03-01T00:00:00Z") })]);
  await life.pass(dayMinutes - 180);
  const missed = life
    .begun()
    .slice(7)
    .map((each) => each.slice(0, -12));
  assert.deepEqual(
    missed.toSorted(),
    ["backup etc", "backup home", "backup srv"],
    "of the day on which it was not there",
  );
  await life.end();
});

test("a schedule of the fleet that was given while the machine was off begins with the newest that is its own", async (t) => {
  const life = new ScheduledLife(stateDirectory(t), "2026-03-10T09:00:00Z", { config: configText({}) }).begin();
  const since = new Date("2026-03-09T00:00:00Z");
  life.scheduler.setAssignments([ofFleet({ work: { verb: Verb.BACKUP, job: "srv" }, since })]);
  await quiet();
  assert.deepEqual(life.begun(), ["backup srv 03-10T09:00"]);
  await life.end();
});

test("a schedule that changes while its backup is about to begin has it begun once", async (t) => {
  const directory = stateDirectory(t);
  const life: ScheduledLife = new ScheduledLife(directory, "2026-03-10T09:00:00Z", {
    config: configText({}),
    start: async (work, asked) => {
      const isFirst = life.asked.push(work) === 1;
      const since = new Date("2026-03-09T00:00:00Z");
      const changed = ofFleet({ work: { verb: Verb.BACKUP, job: "srv", deadlineMs: 3_600_000 }, since });
      if (isFirst) life.scheduler.setAssignments([changed]);
      return { run: life.runs.start({ verb: work.verb, job: work.job, volume: "srv", ...asked }, life.work) };
    },
  }).begin();
  const since = new Date("2026-03-09T00:00:00Z");
  life.scheduler.setAssignments([ofFleet({ work: { verb: Verb.BACKUP, job: "srv" }, since })]);
  await quiet();
  await life.pass(5);
  assert.equal(life.asked.length, 2);
  assert.deepEqual(life.begun(), ["backup srv 03-10T09:00"]);
  await life.end();
});

test("what no schedule can say is refused in words, whatever the controller has let pass", async (t) => {
  const life = new ScheduledLife(stateDirectory(t), "2026-03-10T01:00:00Z");
  for (const [changes, fault] of [
    [{ schedule: "" }, 'schedule "": cannot be called so'],
    [{ schedule: "a\u202eb" }, 'schedule "a\\u{202e}b": cannot be called so'],
    [{ schedule: "jobs.home" }, 'schedule "jobs.home": cannot be called so'],
    [{ work: undefined }, 'schedule "nightly": asks for nothing that can be scheduled'],
    [{ work: { verb: Verb.REMOVE_KEY } }, 'schedule "nightly": asks for nothing that can be scheduled'],
    [{ cron: "0 0 31 2 *" }, 'schedule "nightly": cron never comes: there is no such date'],
    [{ timezone: "Mars/Olympus" }, 'schedule "nightly": there is no such time zone'],
    [{ windows: [{ fromMinute: 60, toMinute: 60 }] }, 'schedule "nightly": there is no such window'],
    [{ windows: [{ fromMinute: 1440, toMinute: 60 }] }, 'schedule "nightly": there is no such window'],
    [{ windows: [{ days: [8], fromMinute: 0, toMinute: 60 }] }, 'schedule "nightly": there is no such window'],
    [
      { splayMs: 2 ** 50 },
      'schedule "nightly": splay must not be longer than the shortest time between two starts, 24 h',
    ],
  ] as const) {
    assert.deepEqual(life.scheduler.setAssignments([ofFleet(changes as never), ofFleet()]), [fault]);
    assert.equal(life.scheduler.nextBackup("srv")?.schedule, "nightly", "the others are followed");
  }
  const many = Array.from({ length: 201 }, (_, n) => ofFleet({ schedule: `s${n}` }));
  const tooMany = "there are more than 200 schedules, and the others are not followed";
  assert.deepEqual(life.scheduler.setAssignments(many), [tooMany]);
  await quiet();
  await life.end();
});
