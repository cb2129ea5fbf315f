/** Who is told of what, from what is in the store: on both databases, also by several controllers at once. */

import assert from "node:assert/strict";
import { it } from "node:test";
import { pino } from "pino";
import type { Clock } from "../../../../common/clock.ts";
import type { Channel } from "../../../../controller/alerts/channel.ts";
import type { AlertMessage } from "../../../../controller/alerts/message.ts";
import { storePings } from "../../../../controller/alerts/on-run-report.ts";
import { Postman } from "../../../../controller/alerts/postman.ts";
import { NotDelivered } from "../../../../controller/alerts/send.ts";
import { AlertWatch } from "../../../../controller/alerts/watch.ts";
import { parseControllerConfig } from "../../../../controller/config/controller-config.ts";
import { readExpectations } from "../../../../controller/schedule/rules.ts";
import { countAlerts, openAlerts, resolvedSince } from "../../../../controller/store/alerts.ts";
import { claimDeliveries, countDeliveries } from "../../../../controller/store/deliveries.ts";
import { readJobFigures } from "../../../../controller/store/figures.ts";
import { setJobs } from "../../../../controller/store/job-states.ts";
import { Store } from "../../../../controller/store/store.ts";
import { Journal } from "../../../../controller/stream/journal.ts";
import { RunReport } from "../../../../proto/gen/luksmith/v1/fleet.ts";
import {
  type DeepPartial,
  type Run,
  RunState,
  runStateToJSON,
  Verb,
  verbToJSON,
} from "../../../../proto/gen/luksmith/v1/types.ts";
import { ManualClock } from "../../runs/manual-clock.ts";
import { eachStore } from "../harness/each-store.ts";
import { insertSchedule } from "../harness/fleet-rows.ts";

const log = pino({ level: "silent" });
const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const never = new AbortController().signal;

/** What it was given; fails while `isBroken`. */
class Recorder implements Channel {
  readonly got: AlertMessage[] = [];
  isBroken = false;

  async deliver(message: AlertMessage): Promise<string> {
    if (this.isBroken) throw new NotDelivered("the server answers 500");
    this.got.push(message);
    return "taken";
  }

  async check(): Promise<void> {}

  /** "firing/resolved/reminders" of each. */
  get counts(): string[] {
    return this.got.map(({ firing, resolved, reminders }) => `${firing.count}/${resolved.count}/${reminders.count}`);
  }
}

/** A controller, as far as alerts go. */
class Watcher {
  readonly mail = new Recorder();
  readonly failed: string[] = [];
  readonly store: Store;
  readonly #watch: AlertWatch;
  readonly #postman: Postman;

  /** @param expect as schedules have it; left out: that each job was backed up within a day */
  constructor(store: Store, clock: Clock, mail?: Recorder, expect?: typeof readExpectations) {
    this.store = store;
    if (mail !== undefined) this.mail = mail;
    const channels = new Map<string, Channel>([["mail", this.mail]]);
    this.#watch = new AlertWatch(store, clock, log, {
      config: parseControllerConfig("{}", "controller.yaml").alerts,
      channels,
      readExpectations:
        expect ??
        (async () =>
          ({ jobs }) =>
            jobs.map(({ job }) => ({ job, maxAgeMs: dayMs, sinceMs: 0 }))),
      keptAlertsMs: 90 * dayMs,
      events: { looked: () => undefined, failed: () => undefined },
      onDeliveries: () => undefined,
    });
    this.#postman = new Postman(store, channels, clock, log, {
      delivered: () => undefined,
      failed: (channel, isFinal) => this.failed.push(`${channel} ${isFinal}`),
    });
  }

  look(): Promise<boolean> {
    return this.#watch.look(never);
  }

  send(): Promise<number> {
    return this.#postman.sendDue(never);
  }
}

async function addMachines(store: Store, count: number, goodMs: number, nowMs: number): Promise<void> {
  const names = Array.from({ length: count }, (_, n) => `web${n}`);
  for (let from = 0; from < count; from += 500) {
    const part = names.slice(from, from + 500);
    await store.database
      .insertInto("machines")
      .values(
        part.map((name) => ({
          id: `id-${name}`,
          name,
          hostname: name,
          state: "active" as const,
          labels: '{"env":"prod"}',
          version: "1",
          token_id: "t",
          enrolled_ms: nowMs - 50 * dayMs,
          last_seen_ms: nowMs,
          clock_skew_ms: 0,
          controller_id: null,
          instance: "i",
          stream: 1,
          inventory: new Uint8Array(),
          trust: new Uint8Array(),
          schedules_revision: "",
          notice: "",
        })),
      )
      .execute();
    await store.database
      .insertInto("job_states")
      .values(
        part.map((name) => ({
          machine_id: `id-${name}`,
          job: "home",
          last_good_ms: goodMs,
          last_run_id: null,
          last_state: null,
          last_started_ms: null,
          since_ms: nowMs - 50 * dayMs,
        })),
      )
      .execute();
  }
}

/** As its machine tells of it; @param schedule that has begun it, or "" */
async function reportRun(
  store: Store,
  name: string,
  run: DeepPartial<Run>,
  schedule: string,
  nowMs: number,
): Promise<void> {
  const report = RunReport.fromPartial({ run: { job: "home", volume: "vault", ...run }, cause: { schedule } });
  await store.transaction((transaction) => storePings(transaction, [{ machineId: `id-${name}`, report }], nowMs));
}

async function claimPings(store: Store, atMs: number): Promise<string[]> {
  const claimed = await claimDeliveries(store.database, { nowMs: atMs, leaseMs: dayMs, limit: 9 });
  return claimed.map(({ payload }) => JSON.parse(payload).url).toSorted();
}

interface StoredRun {
  readonly id: string;
  readonly verb: Verb;
  readonly state: RunState;
  readonly startedMs: number;
  readonly lateMs?: number;
}

async function addRun(
  store: Store,
  machineId: string,
  { id, verb, state, startedMs, lateMs }: StoredRun,
): Promise<void> {
  const run = {
    id,
    verb,
    state,
    job: "home",
    volume: "vault",
    error: { code: "full", message: "no room left", hint: "" },
  };
  await store.database
    .insertInto("runs")
    .values({
      machine_id: machineId,
      run_id: id,
      verb: verbToJSON(verb),
      job: "home",
      volume: "vault",
      state: runStateToJSON(state),
      started_ms: startedMs,
      finished_ms: state === RunState.RUNNING ? null : startedMs + 1000,
      schedule: null,
      occurrence_ms: null,
      dispatch_id: null,
      late_ms: lateMs ?? null,
      report: RunReport.encode(RunReport.fromPartial({ run })).finish(),
    })
    .execute();
}

eachStore("alerts", (scene) => {
  async function begin(machines: number) {
    const clock = new ManualClock();
    const store = await scene.open(clock);
    const nowMs = clock.now().getTime();
    await addMachines(store, machines, nowMs - hourMs, nowMs);
    return { clock, store, watcher: new Watcher(store, clock) };
  }

  /** Looks every 30 s. */
  async function pass(clock: ManualClock, ms: number, ...watchers: Watcher[]): Promise<void> {
    for (let passed = 0; passed < ms; passed += 30_000) {
      clock.advance(30_000);
      for (const watcher of watchers) {
        await watcher.look();
        await watcher.send();
      }
    }
  }

  it("tells of what is overdue, once, and of its end", async () => {
    const { clock, store, watcher } = await begin(2);
    await pass(clock, 5 * minuteMs, watcher);
    assert.deepEqual(watcher.mail.counts, []);
    clock.advance(24 * hourMs);
    await pass(clock, 10 * minuteMs, watcher);
    assert.deepEqual(watcher.mail.counts, ["2/0/0"]);
    assert.deepEqual(await countAlerts(store.database), [{ kind: "overdue", state: "firing", count: 2 }]);
    const [line] = watcher.mail.got[0]?.firing.alerts ?? [];
    assert.equal(line?.machine, "web0");
    assert.match(line?.message ?? "", /^no good backup within 24 h/);
    await store.database.updateTable("job_states").set({ last_good_ms: clock.now().getTime() }).execute();
    await pass(clock, 10 * minuteMs, watcher);
    assert.deepEqual(watcher.mail.counts, ["2/0/0", "0/2/0"]);
    assert.deepEqual(await openAlerts(store.database), []);
    const over = await resolvedSince(store.database, 0);
    assert.deepEqual(
      over.map(({ state, notified }) => [state, notified]),
      [
        ["resolved", 2],
        ["resolved", 2],
      ],
    );
  });

  it("finds runs that failed, that take too long, certificates, notices and clocks", async () => {
    const { clock, store, watcher } = await begin(7);
    const nowMs = clock.now().getTime();
    const { database } = store;
    await addRun(store, "id-web0", { id: "r0", verb: Verb.BACKUP, state: RunState.FAILED, startedMs: nowMs - 10 });
    await database
      .updateTable("job_states")
      .set({ last_run_id: "r0", last_state: runStateToJSON(RunState.FAILED) })
      .where("machine_id", "=", "id-web0")
      .execute();
    await addRun(store, "id-web1", {
      id: "r1",
      verb: Verb.BACKUP,
      state: RunState.RUNNING,
      startedMs: nowMs - 10,
      lateMs: nowMs,
    });
    // the newest verification failed
    await addRun(store, "id-web2", { id: "r2", verb: Verb.VERIFY, state: RunState.DONE, startedMs: nowMs - 20 });
    await addRun(store, "id-web2", { id: "r3", verb: Verb.VERIFY, state: RunState.FAILED, startedMs: nowMs - 10 });
    // one has succeeded since
    await addRun(store, "id-web3", { id: "r4", verb: Verb.VERIFY, state: RunState.FAILED, startedMs: nowMs - 20 });
    await addRun(store, "id-web3", { id: "r5", verb: Verb.VERIFY, state: RunState.DONE, startedMs: nowMs - 10 });
    await addRun(store, "id-web3", {
      id: "r6",
      verb: Verb.BACKUP,
      state: RunState.RUNNING,
      startedMs: nowMs - 10,
      lateMs: nowMs + dayMs,
    });
    const certificate = { kind: "machine" as const, issuer: "i", issued_ms: nowMs - 29 * dayMs, revoked_ms: null };
    await database
      .insertInto("certificates")
      .values([
        { ...certificate, serial: "1", owner: "id-web4", expires_ms: nowMs + dayMs },
        { ...certificate, serial: "2", owner: "id-web5", expires_ms: nowMs + dayMs },
        { ...certificate, serial: "3", owner: "id-web5", issued_ms: nowMs, expires_ms: nowMs + 30 * dayMs },
      ])
      .execute();
    await database.updateTable("machines").set({ notice: "two agents" }).where("id", "=", "id-web5").execute();
    await database.updateTable("machines").set({ clock_skew_ms: -hourMs }).where("id", "=", "id-web6").execute();
    assert.equal(await watcher.look(), true);
    const found = (await openAlerts(database)).map(
      ({ kind, machineId, message }) => `${machineId} ${kind}: ${message}`,
    );
    assert.deepEqual(found.toSorted(), [
      "id-web0 failing: backup failed (run r0): no room left",
      "id-web1 late: backup has been under way since 2026-11-23 01:59 UTC, longer than it may (run r1)",
      "id-web2 failing: verify failed (run r3): no room left",
      "id-web4 certificate: the machine's certificate ends 2026-11-24 02:00 UTC, and has not been renewed",
      "id-web5 identity: two agents",
      "id-web6 clock: the machine's clock is 1 h behind",
    ]);
  });

  /** Each job of the one machine is to be backed up each day, from now on. */
  async function beginDaily(jobs: readonly string[]) {
    const { clock, store } = await begin(1);
    const nowMs = clock.now().getTime();
    await insertSchedule(
      store.database,
      '{ name: daily, selector: env=prod, verb: backup, job: "*", cron: "@daily", maxAge: 26h }',
      nowMs,
    );
    const tell = (names: readonly string[], lastGood?: Date) =>
      store.transaction((transaction) =>
        setJobs(transaction, [
          {
            machineId: "id-web0",
            jobs: names.map((name) => ({ name, volume: "vault", lastGood })),
            nowMs: clock.now().getTime(),
          },
        ]),
      );
    await tell(jobs);
    const watcher = new Watcher(store, clock, undefined, readExpectations);
    const told = () =>
      watcher.mail.got
        .splice(0)
        .flatMap(({ firing, resolved }) => [
          ...firing.alerts.map(({ job, message }) => `firing ${job}: ${message}`),
          ...resolved.alerts.map(({ job, message }) => `resolved ${job}: ${message}`),
        ]);
    return { clock, store, watcher, tell, told };
  }

  it("tells of a machine that is to back up all that it has, and has never told of a job", async () => {
    const { clock, store, watcher, tell, told } = await beginDaily([]);
    clock.advance(25 * hourMs);
    await pass(clock, 10 * minuteMs, watcher);
    assert.deepEqual(told(), []);
    clock.advance(hourMs);
    await pass(clock, 10 * minuteMs, watcher);
    assert.deepEqual(told(), ["firing *: no good backup within 26 h: the machine tells of no job at all"]);
    const figures = async () =>
      (await Array.fromAsync(readJobFigures(store.database))).flat().map(({ job, isOverdue }) => [job, isOverdue]);
    assert.deepEqual(await figures(), [["*", true]]);
    await tell(["home"]);
    await pass(clock, 10 * minuteMs, watcher);
    const [line, ...others] = told();
    assert.match(line ?? "", /^resolved \*: not made good, but the machine tells of its jobs now: .*\(no good backup/);
    assert.deepEqual(others, []);
    assert.deepEqual(await figures(), [["home", false]]);
    // and is watched from then on
    clock.advance(26 * hourMs);
    await pass(clock, 10 * minuteMs, watcher);
    assert.match(told().join(), /^firing home: no good backup within 26 h: none since it was asked for/);
  });

  it("does not say that all is well when a job is gone that was overdue", async () => {
    const { clock, watcher, tell, told } = await beginDaily(["home", "etc"]);
    clock.advance(27 * hourMs);
    await pass(clock, 10 * minuteMs, watcher);
    assert.equal(told().length, 2);
    await tell(["home"], clock.now());
    await pass(clock, 10 * minuteMs, watcher);
    const [etc, home, ...others] = told().toSorted();
    assert.match(
      etc ?? "",
      /^resolved etc: not made good, but no schedule names the job, and the machine tells of no such job \(no /,
    );
    assert.match(home ?? "", /^resolved home: no good backup within 26 h: the last is of /);
    assert.deepEqual(others, []);
    // with the last one gone, nothing of the machine is backed up any more: that is told, and not that it is over
    await tell([]);
    await pass(clock, 10 * minuteMs, watcher);
    assert.deepEqual(told(), ["firing *: no good backup within 26 h: the machine tells of no job at all"]);
  });

  it("says that nobody asks for it any more, or that the machine is none of the fleet", async () => {
    const { clock, store, watcher, told } = await beginDaily(["home"]);
    const { database } = store;
    clock.advance(27 * hourMs);
    await pass(clock, 10 * minuteMs, watcher);
    assert.equal(told().length, 1);
    const [schedule] = await database.selectFrom("schedules").selectAll().execute();
    assert.ok(schedule);
    await database.deleteFrom("schedules").execute();
    await pass(clock, 10 * minuteMs, watcher);
    assert.match(told().join(), /^resolved home: not made good, but no schedule asks for it any more \(no good/);
    await database.insertInto("schedules").values(schedule).execute();
    await pass(clock, 10 * minuteMs, watcher);
    assert.equal(told().length, 1);
    await database.updateTable("machines").set({ state: "revoked" }).execute();
    await pass(clock, 30 * minuteMs, watcher);
    assert.match(
      told().join(),
      /^resolved home: not made good, but the machine is no longer one of the fleet \(no good/,
    );
    const [last] = await resolvedSince(database, 0, 1);
    assert.match(last?.message ?? "", /^not made good/);
  });

  it("leaves machines alone that are not of the fleet, or no more", async () => {
    const { clock, store, watcher } = await begin(3);
    clock.advance(2 * dayMs);
    await store.database.updateTable("machines").set({ state: "pending" }).where("id", "=", "id-web0").execute();
    await watcher.look();
    clock.advance(30_000);
    await store.database.updateTable("machines").set({ state: "revoked" }).where("id", "=", "id-web1").execute();
    await watcher.look();
    const open = await openAlerts(store.database);
    assert.deepEqual(
      open.map(({ machineId }) => machineId),
      ["id-web2"],
    );
  });

  it("says it once when all of the fleet is overdue", async () => {
    const { clock, store, watcher } = await begin(2100);
    clock.advance(2 * dayMs);
    await pass(clock, 8 * minuteMs, watcher);
    assert.deepEqual(watcher.mail.counts, ["2100/0/0"]);
    assert.equal(watcher.mail.got[0]?.firing.alerts.length, 200);
    assert.equal((await openAlerts(store.database)).length, 2100);
  });

  it("sends again what did not get there, and gives it up after a day", async () => {
    const { clock, store, watcher } = await begin(1);
    clock.advance(2 * dayMs);
    watcher.mail.isBroken = true;
    await pass(clock, 10 * minuteMs, watcher);
    assert.deepEqual(watcher.mail.counts, []);
    assert.ok(watcher.failed.length > 1 && watcher.failed.every((each) => each === "mail false"));
    assert.deepEqual(
      (await countDeliveries(store.database)).map(({ channel, count }) => [channel, count]),
      [["mail", 1]],
    );
    watcher.mail.isBroken = false;
    clock.advance(hourMs);
    await watcher.send();
    assert.deepEqual(watcher.mail.counts, ["1/0/0"]);
    await watcher.send();
    assert.deepEqual(await countDeliveries(store.database), []);
    assert.equal(watcher.mail.got.length, 1);

    watcher.mail.isBroken = true;
    clock.advance(dayMs);
    await pass(clock, minuteMs, watcher);
    for (let hours = 0; hours < 26; hours += 1) {
      clock.advance(hourMs);
      await watcher.send();
    }
    assert.equal(watcher.failed.at(-1), "mail true");
    assert.deepEqual(await countDeliveries(store.database), []);
  });

  it("has what somebody took and never sent sent by another", async () => {
    const { clock, store, watcher } = await begin(1);
    clock.advance(2 * dayMs);
    for (let looks = 0; looks < 12; looks += 1) {
      clock.advance(30_000);
      await watcher.look();
    }
    const nowMs = clock.now().getTime();
    const taken = await claimDeliveries(store.database, { nowMs, leaseMs: 120_000, limit: 5 });
    assert.equal(taken.length, 1);
    assert.equal(await watcher.send(), 0);
    clock.advance(121_000);
    assert.equal(await watcher.send(), 1);
    assert.deepEqual(watcher.mail.counts, ["1/0/0"]);
  });

  it("pings the beginning and the end of a run once, however often they are reported", async () => {
    const { store, clock } = await begin(2);
    const nowMs = clock.now().getTime();
    await insertSchedule(
      store.database,
      `
name: nightly
selector: name=web0
verb: backup
job: home
cron: "0 2 * * *"
ping: https://hc.example.net/key/{machine}-{job}
`,
    );
    const report = (state: RunState, name = "web0", id = "r", cause = "nightly", verb: Verb = Verb.BACKUP) =>
      reportRun(store, name, { id, verb, state }, cause, nowMs);
    const claim = (atMs: number) => claimPings(store, atMs);
    await report(RunState.RUNNING);
    await report(RunState.RUNNING);
    assert.deepEqual(
      (await countDeliveries(store.database)).map(({ count }) => count),
      [1],
    );
    await report(RunState.DONE);
    await report(RunState.DONE);
    // not of that schedule, whoever says so: another machine, another schedule, another verb
    await report(RunState.DONE, "web1");
    await report(RunState.DONE, "web0", "r1", "other");
    await report(RunState.DONE, "web0", "r2", "nightly", Verb.VERIFY);
    // the beginning was not sent, and will not be
    assert.deepEqual(await claim(nowMs), []);
    assert.deepEqual(await claim(nowMs + 10_000), ["https://hc.example.net/key/web0-home"]);
    await report(RunState.RUNNING, "web0", "r4");
    assert.deepEqual(await claim(nowMs), ["https://hc.example.net/key/web0-home/start"]);
    await report(RunState.FAILED, "web0", "r4");
    assert.deepEqual(await claim(nowMs + 10_000), ["https://hc.example.net/key/web0-home/fail"]);
  });

  it("does not ping that an older run has failed once there is a good one, of that machine alone", async () => {
    const { store, clock } = await begin(2);
    const nowMs = clock.now().getTime();
    await insertSchedule(
      store.database,
      '{ name: nightly, selector: all, verb: backup, job: home, cron: "0 2 * * *", ping: "https://hc.example.net/all" }',
    );
    for (const name of ["web0", "web1"]) {
      await reportRun(store, name, { id: "r1", state: RunState.FAILED, verb: Verb.BACKUP }, "nightly", nowMs);
    }
    const byHand = { id: "r2", state: RunState.DONE, verb: Verb.BACKUP, finishedAt: clock.now() };
    await reportRun(store, "web0", byHand, "", nowMs);
    const all = ["https://hc.example.net/all", "https://hc.example.net/all/fail"];
    assert.deepEqual(await claimPings(store, nowMs + 10_000), all);
  });

  it("pings no more for runs by hand than is good, and for a schedule's all the same", async () => {
    const { store, clock } = await begin(1);
    await insertSchedule(
      store.database,
      '{ name: nightly, selector: all, verb: backup, job: home, cron: "0 2 * * *", ping: "https://hc.example.net/k" }',
    );
    const journal = new Journal(store, { look: () => undefined }, clock, log);
    const record = async (id: string, schedule: string) => {
      const run = { id, verb: Verb.BACKUP, job: "home", volume: "v", state: RunState.DONE, finishedAt: clock.now() };
      const reports = [RunReport.fromPartial({ run: { ...run, startedAt: clock.now() }, cause: { schedule } })];
      const recorded = journal.record({
        ...{ machineId: "id-web0", reports, events: [], answers: [] },
        deadlineOf: () => undefined,
      });
      clock.advance(20);
      await recorded;
    };
    for (let run = 0; run < 60; run += 1) await record(`hand${run}`, "");
    for (let run = 0; run < 3; run += 1) await record(`night${run}`, "nightly");
    assert.deepEqual(
      (await countDeliveries(store.database)).map(({ count }) => count),
      [53],
    );
    await journal.close(never);
  });

  it("pings for a good backup that no schedule has begun, to all that are about its job", async () => {
    const { store, clock } = await begin(2);
    const nowMs = clock.now().getTime();
    const add = (name: string, rest: string) =>
      insertSchedule(
        store.database,
        `{ name: ${name}, selector: name=web0, cron: "0 2 * * *", ping: "https://hc.example.net/${name}/{job}", ${rest} }`,
      );
    await add("nightly", "verb: backup, job: home");
    await add("each", 'verb: backup, job: "*"');
    await add("other", "verb: backup, job: mail");
    await add("verifies", "verb: verify, job: home");
    const finishedAt = clock.now();
    const report = (run: DeepPartial<Run>, name = "web0") =>
      reportRun(store, name, { state: RunState.DONE, verb: Verb.BACKUP, finishedAt, ...run }, "", nowMs);
    // neither how it fares, nor what makes no backup, nor what is not theirs, nor what is no news
    await report({ id: "r0", state: RunState.RUNNING });
    await report({ id: "r1", state: RunState.FAILED });
    await report({ id: "r2", state: RunState.SKIPPED });
    await report({ id: "r3", dryRun: true });
    await report({ id: "r4", verb: Verb.VERIFY });
    await report({ id: "r5" }, "web1");
    await report({ id: "r6", finishedAt: new Date(nowMs - dayMs) });
    assert.deepEqual(await claimPings(store, nowMs + 10_000), []);
    await report({ id: "r7", state: RunState.INCOMPLETE });
    await report({ id: "r7", state: RunState.INCOMPLETE });
    const both = ["https://hc.example.net/each/home", "https://hc.example.net/nightly/home"];
    assert.deepEqual(await claimPings(store, nowMs + 10_000), both);
  });

  if (scene.kind === "postgres") {
    it("tells each thing once, although three controllers look and send", async () => {
      const clock = new ManualClock();
      const place = await scene.place();
      const stores = await Promise.all([1, 2, 3].map(() => Store.open(place, clock, log)));
      try {
        const mail = new Recorder();
        const watchers = stores.map((store) => new Watcher(store, clock, mail));
        const nowMs = clock.now().getTime();
        const [first] = stores;
        assert.ok(first);
        await addMachines(first, 40, nowMs - 2 * dayMs, nowMs);
        for (let looks = 0; looks < 30; looks += 1) {
          clock.advance(30_000);
          const looked = await Promise.all(watchers.map((watcher) => watcher.look()));
          assert.equal(looked.filter((did) => did).length, 1);
          await Promise.all(watchers.map((watcher) => watcher.send()));
        }
        assert.deepEqual(mail.counts, ["40/0/0"]);
      } finally {
        for (const store of stores) await store.close();
      }
    });
  }
});
