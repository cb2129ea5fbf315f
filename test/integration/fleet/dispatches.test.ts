import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Dispatch, Work } from "../../../proto/gen/luksmith/v1/fleet.ts";
import { RunState, Verb } from "../../../proto/gen/luksmith/v1/types.ts";
import { enrol, FleetLife, stateDirectory } from "./fleet-life.ts";
import { ScriptedController, TestFleet, until } from "./scripted-controller.ts";

async function scene(context: TestContext, options: { controller?: string } = {}) {
  const fleet = await TestFleet.make();
  const controller = await ScriptedController.start(context, fleet);
  const stateDir = stateDirectory(context);
  await enrol(stateDir, fleet, [controller.address]);
  const life = await new FleetLife(stateDir, options).begin();
  context.after(() => life.end());
  return { controller, stateDir, life, session: await controller.session() };
}

const backup = Work.create({ verb: Verb.BACKUP, job: "home" });

function order(id: string, work: Partial<Work> = backup, rest: Partial<Dispatch> = {}) {
  return {
    $case: "dispatch" as const,
    value: Dispatch.create({ id, work: { ...backup, ...work }, operator: "alice", ...rest }),
  };
}

test("an order is begun once, however often it comes, with the operator's name, and stands in the audit log", async (t) => {
  const { controller, life, session } = await scene(t);
  for (let n = 0; n < 3; n += 1) session.say(order("d1"));
  const { runId, error } = await session.until("dispatchAnswer");
  assert.equal(error, undefined);
  const run = await life.runs.wait(runId);
  assert.deepEqual(
    [run.state, run.verb, run.job, run.caller],
    [RunState.DONE, Verb.BACKUP, "home", { uid: 0, name: "alice via c1" }],
  );
  const report = await session.until(
    "runReport",
    ({ run: told }) => told?.id === runId && told.state === RunState.DONE,
  );
  assert.equal(report.cause?.dispatchId, "d1");
  session.end();
  const next = await controller.session(1);
  assert.equal((await next.until("dispatchAnswer")).runId, runId, "it may not have arrived");
  next.say(order("d1"));
  next.say({ $case: "recorded", value: { runId, seq: 9, ended: true } });
  await until(
    () => life.store.prepare("select id from dispatches where recorded = 1").get() !== undefined,
    () => "not recorded",
  );
  next.say(order("d1"));
  await until(
    () => next.all("dispatchAnswer").length >= 3,
    () => "it is answered again all the same",
  );
  assert.equal(life.started.length, 1);
  const audited = (await life.audited()).map(({ decision, verb, user, run: about, reason }) => ({
    decision,
    verb,
    user,
    about,
    reason,
  }));
  assert.deepEqual(audited, [
    {
      decision: "allowed",
      verb: "backup",
      user: "alice via c1",
      about: "",
      reason: "controller.allow has backup (order d1)",
    },
    { decision: "started", verb: "backup", user: "alice via c1", about: runId, reason: "" },
  ]);
});

for (const [what, work, rest, code, message] of [
  ["a verb that is not allowed", { verb: Verb.PRUNE }, {}, "denied", /does not allow prune/],
  ["a job that is not there", { job: "hme" }, {}, "not_found", /no job/],
  ["a volume that is not there", { verb: Verb.CHECK_VOLUME, job: "", volume: "hme" }, {}, "not_found", /no volume/],
  ["one that comes too late", {}, { notAfter: new Date(Date.now() - 1000) }, "deadline", /so late/],
  ["a verb that nobody may ask for", { verb: Verb.RESTORE }, {}, "usage", /nothing that may be asked for/],
  ["a verb that is none", { verb: 999 as Verb }, {}, "usage", /nothing that may be asked for/],
  ["keys", { verb: Verb.REMOVE_KEY, job: "", volume: "home" }, {}, "usage", /nothing that may be asked for/],
  ["every job", { job: "*" }, {}, "usage", /no job or volume/],
  ["a path for a job", { job: "../../etc" }, {}, "usage", /no job or volume/],
  ["a job and a volume", { volume: "home" }, {}, "usage", /no job or volume/],
  ["a level of its own", { verb: Verb.VERIFY, level: "--help" }, {}, "usage", /no level/],
] as const) {
  test(`refused: ${what}`, async (t) => {
    const { life, session } = await scene(t);
    session.say(order("d1", work, rest));
    const { id, runId, error } = await session.until("dispatchAnswer");
    assert.deepEqual([id, runId, error?.code], ["d1", "", code]);
    assert.match(error?.message ?? "", message);
    assert.deepEqual(life.started, []);
    assert.deepEqual(life.runs.list(), []);
    const decisions = (await life.audited()).map(({ decision }) => decision);
    assert.ok(code === "usage" ? decisions.length === 0 : decisions.length === 1, decisions.join());
  });
}

test("one for a volume that is in use waits for it, or until it is too late, or is cancelled", async (t) => {
  const { life, session } = await scene(t);
  const go = Promise.withResolvers<void>();
  const holder = life.runs.start(
    { verb: Verb.RESTORE, volume: "home", job: "home", caller: { uid: 0, name: "root" } },
    async () => {
      await go.promise;
      return { state: "done", summary: "" };
    },
  );
  session.say(order("waits"));
  session.say(order("late", {}, { notAfter: new Date(Date.now() + 1500) }));
  session.say(order("cancelled", { job: "etc" }));
  session.say({ $case: "cancelOrder", value: { runId: "", dispatchId: "cancelled", operator: "bob" } });
  const cancelled = await session.until("dispatchAnswer", ({ id }) => id === "cancelled");
  assert.deepEqual([cancelled.error?.code, cancelled.error?.message], ["cancelled", "cancelled by bob via c1"]);
  const late = await session.until("dispatchAnswer", ({ id }) => id === "late");
  assert.equal(late.error?.code, "deadline");
  assert.deepEqual(life.started, []);
  go.resolve();
  const { runId } = await session.until("dispatchAnswer", ({ id }) => id === "waits");
  assert.equal((await life.runs.wait(runId)).state, RunState.DONE);
  assert.ok(runId > holder.id);
});

test("a run is cancelled by its own id or its order's; one that is none of the fleet's is not", async (t) => {
  const { life, session } = await scene(t);
  life.work = (run) =>
    new Promise((_, reject) => run.signal.addEventListener("abort", () => reject(run.signal.reason)));
  const restore = life.runs.start(
    { verb: Verb.RESTORE, volume: "srv", job: "srv", caller: { uid: 0, name: "root" } },
    life.work,
  );
  for (const runId of [restore.id, "last", restore.id.slice(0, 4), ""]) {
    session.say({ $case: "cancelOrder", value: { runId, dispatchId: "", operator: "" } });
  }
  session.say(order("d1"));
  const { runId } = await session.until("dispatchAnswer");
  session.say({ $case: "cancelOrder", value: { runId: "", dispatchId: "d1", operator: "bob" } });
  const ended = await life.runs.wait(runId);
  assert.deepEqual([ended.state, ended.error?.message], [RunState.CANCELLED, "cancelled by bob via c1"]);
  assert.equal(life.runs.get(restore.id).state, RunState.RUNNING);
});

test("without the word cancel nothing is cancelled", async (t) => {
  const { life, session } = await scene(t, { controller: "{ allow: [status, backup] }" });
  life.work = (run) =>
    new Promise((_, reject) => run.signal.addEventListener("abort", () => reject(run.signal.reason)));
  session.say(order("d1"));
  const { runId } = await session.until("dispatchAnswer");
  session.say({ $case: "cancelOrder", value: { runId, dispatchId: "d1", operator: "bob" } });
  session.say(order("d2", { job: "hme" }));
  await session.until("dispatchAnswer", ({ id }) => id === "d2");
  assert.equal(life.runs.get(runId).state, RunState.RUNNING);
  const refused = (await life.audited()).filter(({ decision }) => decision === "refused");
  assert.deepEqual(
    refused.map(({ verb, run }) => [verb, run]),
    [["cancel", runId]],
  );
});

test("an order that cannot be written down is not begun", async (t) => {
  const { life, session } = await scene(t);
  life.store.prepare("create trigger full before insert on dispatches begin select raise(abort, 'no room'); end").run();
  session.say(order("d1"));
  const { error } = await session.until("dispatchAnswer");
  assert.equal(error?.code, "internal");
  assert.deepEqual(life.started, []);
});
