import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { RunWork } from "../../../agent/runs/context.ts";
import { LuksmithError } from "../../../common/errors.ts";
import { ConnectRequest, type RunEvents } from "../../../proto/gen/luksmith/v1/fleet.ts";
import { Item_Action, type Run, RunState, Verb } from "../../../proto/gen/luksmith/v1/types.ts";
import { done, enrol, FleetLife, stateDirectory } from "./fleet-life.ts";
import { ScriptedController, type Session, TestFleet, until } from "./scripted-controller.ts";

const root = { uid: 0, name: "root" };

async function scene(context: TestContext, options: { controller?: string } = {}) {
  const fleet = await TestFleet.make();
  const controller = await ScriptedController.start(context, fleet);
  const stateDir = stateDirectory(context);
  await enrol(stateDir, fleet, [controller.address]);
  const life = await new FleetLife(stateDir, options).begin();
  return { controller, stateDir, life };
}

function begin(life: FleetLife, work: RunWork = done, verb: Verb = Verb.BACKUP): string {
  return life.runs.start({ verb, volume: "home", job: "home", caller: root }, work).id;
}

function reports(session: Session, id: string): Run[] {
  return session.all("runReport").flatMap(({ run }) => (run?.id === id ? [run] : []));
}

function events(session: Session, id: string): RunEvents["events"] {
  return session.all("runEvents").flatMap((each) => (each.runId === id ? each.events : []));
}

const hasEnded = (id: string) => (report: { run: Run | undefined }) =>
  report.run?.id === id && report.run.state !== RunState.RUNNING;

test("a run is told of while it is under way: that it began, its events in their order, how it ended", async (t) => {
  const { controller, life } = await scene(t);
  t.after(() => life.end());
  const session = await controller.session();
  const go = Promise.withResolvers<void>();
  const id = begin(life, async (run) => {
    await run.step("connect", async () => run.note("the first"));
    run.progress({
      step: "copy",
      bytesDone: 7,
      bytesTotal: 9,
      filesDone: 1,
      filesTotal: 2,
      bytesPerSecond: 3,
      remainingMs: 4,
    });
    await go.promise;
    return { state: "done", summary: "snapshot x", snapshot: "x" };
  });
  await session.until("runEvents", ({ events: some }) => some.some(({ kind }) => kind?.$case === "note"));
  assert.deepEqual(
    reports(session, id).map(({ state }) => state),
    [RunState.RUNNING],
  );
  const beat = await session.until("heartbeat", ({ running }) => running[0]?.progress?.bytesDone === 7);
  assert.equal(beat.running[0]?.runId, id);
  go.resolve();
  const { run, cause } = await session.until("runReport", hasEnded(id));
  assert.deepEqual([run?.state, run?.snapshot, cause], [RunState.DONE, "x", undefined]);
  const told = events(session, id);
  // the rest is progress, which heartbeats tell
  assert.deepEqual(
    told.map(({ kind }) => kind?.$case),
    ["started", "stepBegan", "note", "stepEnded", "ended"],
  );
  assert.ok(told.every(({ seq }, index) => index === 0 || seq > (told[index - 1]?.seq ?? 0)));
});

test("what ended while the controller was away is told of afterwards; what it has stored is not told again", async (t) => {
  const { controller, life, stateDir } = await scene(t);
  const session = await controller.session();
  const first = begin(life);
  await session.until("runReport", hasEnded(first));
  const last = events(session, first).at(-1)?.seq ?? 0;
  session.say({ $case: "recorded", value: { runId: first, seq: last, ended: true } });
  await until(
    () => life.fleet.status().unreported === 0,
    () => "it is not remembered",
  );
  controller.stop();
  const away = begin(life, async (run) => {
    for (let n = 0; n < 1000; n += 1) run.note(`note ${n}`);
    return { state: "done", summary: "" };
  });
  await life.runs.wait(away);
  assert.equal(life.fleet.status().unreported, 1);
  await life.end();

  // another agent, and it is told in pieces of which one was stored
  await controller.listen();
  const next = await new FleetLife(stateDir).begin();
  t.after(() => next.end());
  const later = await controller.session(1);
  await later.until("runReport", hasEnded(away));
  assert.deepEqual(reports(later, first), []);
  const told = events(later, away);
  assert.equal(told.filter(({ kind }) => kind?.$case === "note").length, 1000);
  assert.ok(later.all("runEvents").length >= 5);
  later.say({ $case: "recorded", value: { runId: away, seq: 500, ended: false } });
  await until(
    () => next.store.prepare("select seq from reported_runs where seq = 500").get() !== undefined,
    () => "not written down",
  );
  later.end();
  const third = await controller.session(2);
  await third.until("runReport", hasEnded(away));
  assert.equal(events(third, away)[0]?.seq, 501);
  assert.deepEqual(
    reports(third, away).map(({ state }) => state),
    [RunState.DONE],
  );
});

test("of runs before the enrolment, and of those that are none of its, the controller is not told", async (t) => {
  const fleet = await TestFleet.make();
  const controller = await ScriptedController.start(t, fleet);
  const stateDir = stateDirectory(t);
  const life = await new FleetLife(stateDir).begin();
  t.after(() => life.end());
  await life.runs.wait(begin(life));
  const { certificate, key } = await fleet.credential("machine", "m1");
  const authorities = fleet.authority.certificate;
  await life.identities.enrolled("m1", key, { certificate, authorities, addresses: [controller.address] });
  const session = await controller.session();
  assert.equal(session.hello?.inventory?.jobs[0]?.lastGood instanceof Date, true);
  for (const verb of [Verb.RESTORE, Verb.LIST_FILES, Verb.ADD_KEY]) await life.runs.wait(begin(life, done, verb));
  const mine = begin(life, done, Verb.RESIZE_VOLUME);
  await session.until("runReport", hasEnded(mine));
  assert.deepEqual(new Set(session.all("runReport").map(({ run }) => run?.id)), new Set([mine]));
});

test("a watermark of runs and events that there are not, or of more than was sent, is nothing", async (t) => {
  const { controller, life } = await scene(t);
  t.after(() => life.end());
  const session = await controller.session();
  const go = Promise.withResolvers<void>();
  const id = begin(life, async (run) => {
    run.note("one");
    await go.promise;
    return { state: "done", summary: "" };
  });
  await session.until("runEvents");
  for (const [runId, seq] of [
    ["0000000000", 5],
    ["last", 5],
    ["", 0],
    [id, Number.MAX_SAFE_INTEGER],
  ] as const) {
    session.say({ $case: "recorded", value: { runId, seq, ended: true } });
  }
  await until(
    () => life.store.prepare("select seq from reported_runs").get() !== undefined,
    () => "not written down",
  );
  const row = life.store.prepare("select seq, ended from reported_runs").all();
  assert.equal(row.length, 1);
  assert.ok(Number(row[0]?.seq) <= 3 && row[0]?.ended === 0);
  go.resolve();
  await session.until("runReport", hasEnded(id));
  assert.equal(life.fleet.status().unreported, 1);
});

const secretNames = ["Geheim-Akte", "tax 2025.ods", "naïve\nname", "-rf"];

/** What verbs say when something is wrong with files, and what programs print. */
const talkative: RunWork = async (run) => {
  const [a = "", b = "", c = "", d = ""] = secretNames;
  const path = Buffer.from(`home/alice/${a}`);
  run.warn("could not be copied: permission denied", path);
  run.warn(`vanished while it was copied`, Buffer.from(b));
  run.warn(`rsync: send_files failed to open "/home/${c}": Permission denied (13)`);
  run.warn(`find: ${d}: Input/output error`);
  run.warn(`"${a}" is odd`);
  run.note(`removed /home/alice/${a}`);
  run.note(`looked at: ${b}`);
  run.item({ action: Item_Action.ADD, path: Buffer.from(c), size: 1, reason: d });
  await run
    .step("copy", async () => {
      throw new LuksmithError("tool_failed", `rsync failed: cannot stat '${a}'`, { hint: `ls -l '${b}'` });
    })
    .catch(() => undefined);
  throw new LuksmithError("not_found", `none of the sources of job home exists: /srv/${a}, /srv/${b}`, {
    hint: `mkdir /srv/${c}`,
    cause: new Error(d),
  });
};

for (const allowed of [false, true]) {
  test(`names of files ${allowed ? "are told where ls is allowed" : "do not leave the machine"}`, async (t) => {
    const words = "status, log, backup, snapshots";
    const { controller, life } = await scene(t, { controller: `{ allow: [${words}${allowed ? ", ls" : ""}] }` });
    t.after(() => life.end());
    const session = await controller.session();
    const id = begin(life, talkative);
    await session.until("runReport", hasEnded(id));
    session.say({
      $case: "query",
      value: { id: "q1", operator: "", what: { $case: "watch", value: { runId: id, follow: true } } },
    });
    await session.until("reply", ({ last }) => last);
    const sent = Buffer.concat(session.heard.map((kind) => ConnectRequest.encode({ kind }).finish()));
    for (const name of secretNames.slice(0, 3)) assert.equal(sent.includes(name), allowed, name);
    assert.equal(sent.includes("could not be copied: permission denied"), true);
    assert.equal(sent.includes("none of the sources of job home exists"), true);
    const warnings = events(session, id).filter(({ kind }) => kind?.$case === "warning");
    assert.equal(warnings.length, 5);
  });
}

test("a controller that reads nothing holds nothing up but what it is told", async (t) => {
  const { controller, life } = await scene(t);
  t.after(() => life.end());
  const session = await controller.session();
  session.pause();
  const id = begin(life, async (run) => {
    for (let n = 0; n < 9000; n += 1) run.note("x".repeat(400));
    return { state: "done", summary: "" };
  });
  assert.equal((await life.runs.wait(id)).state, RunState.DONE);
  assert.deepEqual(life.faults(), []);
});
