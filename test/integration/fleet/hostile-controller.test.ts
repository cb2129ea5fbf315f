import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { FleetConnection_State as State } from "../../../proto/gen/luksmith/v1/agent.ts";
import {
  ConnectResponse,
  Dispatch,
  type Query,
  ScheduleAssignment,
  Work,
} from "../../../proto/gen/luksmith/v1/fleet.ts";
import { RunState, Verb } from "../../../proto/gen/luksmith/v1/types.ts";
import { enrol, FleetLife, stateDirectory } from "./fleet-life.ts";
import { type Said, ScriptedController, type Session, TestFleet, until, welcome } from "./scripted-controller.ts";

async function scene(context: TestContext, onHello: (session: Session) => void = welcome) {
  const fleet = await TestFleet.make();
  const controller = await ScriptedController.start(context, fleet, onHello);
  const stateDir = stateDirectory(context);
  await enrol(stateDir, fleet, [controller.address]);
  const life = await new FleetLife(stateDir, { controller: "{ allow: [status, log, backup, ls, cancel] }" }).begin();
  context.after(() => life.end());
  return { controller, stateDir, life };
}

/** The agent's own work goes on, and it finds its controller again once that makes sense. */
async function isWell(life: FleetLife): Promise<void> {
  const { id } = life.runs.start(
    { verb: Verb.VERIFY, volume: "srv", job: "srv", caller: { uid: 0, name: "root" } },
    life.work,
  );
  assert.equal((await life.runs.wait(id)).state, RunState.DONE);
}

for (const [what, speak] of [
  // a tag without end; of what is drawn by lot, a part would be a message of fields that nobody knows
  ["nothing that is protobuf", (session) => session.sayBytes(Buffer.alloc(64, 0xff))],
  ["a message without end", (session) => session.sayBytes(Buffer.alloc(2 ** 21))],
  ["no welcome", (session) => session.say({ $case: "dispatch", value: Dispatch.create({ id: "d1" }) })],
  ["two welcomes", (session) => [welcome(session), welcome(session)]],
  ["an end at once", (session) => session.end()],
] as const satisfies [string, (session: Session) => unknown][]) {
  test(`a controller that says ${what} is left, and tried again later`, async (t) => {
    let isHostile = true;
    const { controller, life } = await scene(t, (session) => {
      if (isHostile) speak(session);
      else welcome(session);
    });
    await controller.session();
    await until(
      () => controller.sessions[0]?.isOver === true,
      () => "it is still listened to",
    );
    await isWell(life);
    isHostile = false;
    await until(
      () => life.fleet.status().state === State.CONNECTED,
      () => JSON.stringify(life.fleet.status()),
    );
    assert.deepEqual(life.started, []);
  });
}

test("random messages of every kind end nothing, begin nothing, and leave nothing behind", async (t) => {
  const { controller, life, stateDir } = await scene(t);
  let session = await controller.session();
  for (let n = 0; n < 400; n += 1) {
    if (session.isOver) session = await controller.session(controller.sessions.length - 1);
    session.say(anything());
  }
  session.say({ $case: "query", value: { id: "the-last", operator: "", what: undefined } });
  await session.until("reply", ({ id }) => id === "the-last");
  await isWell(life);
  assert.deepEqual(
    life.started.filter(({ job }) => job !== "home"),
    [],
  );
  assert.ok(life.runs.list({ limit: 1000 }).every(({ verb }) => verb === Verb.VERIFY || verb === Verb.BACKUP));
  const there = ["agent.db", "agent.db-wal", "audit", "fleet"];
  assert.deepEqual(readdirSync(stateDir).sort(), there);
  const inFleet = ["identity.json", "schedules.json"];
  assert.ok(readdirSync(join(stateDir, "fleet")).every((name) => inFleet.includes(name)));
  assert.equal((await life.identities.read())?.machineId, "m1");
});

function pick<T>(items: readonly [T, ...T[]]): T {
  return items[randomInt(items.length)] ?? items[0];
}

const names = [
  "",
  "home",
  "srv",
  "*",
  "../../etc/shadow",
  "--help",
  "\0",
  "x".repeat(5000),
  "jobs.home",
  "last",
] as const;
const numbers = [0, 1, 7, 2 ** 31, Number.MAX_SAFE_INTEGER] as const;
const times = [undefined, new Date(0), new Date(8.64e15 - 1), new Date()] as const;
const verbs = Object.values(Verb).filter((verb) => typeof verb === "number" && verb !== Verb.BACKUP) as [
  Verb,
  ...Verb[],
];

function work(): Work | undefined {
  const { attempts, waitMs, longestWaitMs } = {
    attempts: randomInt(5),
    waitMs: pick(numbers),
    longestWaitMs: pick(numbers),
  };
  const retry = pick([undefined, { attempts, waitMs, longestWaitMs }]);
  return pick([
    undefined,
    {
      verb: pick(verbs),
      job: pick(names),
      volume: pick(names),
      dryRun: false,
      level: pick(names),
      deadlineMs: pick(numbers),
      retry,
    },
  ]);
}

function anything(): Said {
  const id = pick(names);
  const about = { schedule: pick(names), occurrence: pick(times), job: pick(names), volume: pick(names) };
  const assignment = ScheduleAssignment.create({
    ...{ schedule: pick(names), work: work(), cron: pick(names), timezone: pick(names), splayMs: pick(numbers) },
    ...{ windows: [{ days: [randomInt(99)], fromMinute: randomInt(9999), toMinute: randomInt(9999) }] },
    ...{ needsPermit: true, since: pick(times), maxAgeMs: pick(numbers) },
  });
  const what = pick<Query["what"]>([
    undefined,
    { $case: "watch", value: { runId: id, follow: true } },
    { $case: "snapshots", value: { job: id } },
    { $case: "files", value: { job: id, snapshot: pick(names), path: Buffer.from(pick(names)), recursive: true } },
  ]);
  const kinds: [Said, ...Said[]] = [
    { $case: "schedules", value: { revision: pick(names), assignments: [assignment, assignment] } },
    { $case: "dispatch", value: { id, work: work(), notAfter: pick(times), operator: pick(names) } },
    { $case: "cancelOrder", value: { runId: id, dispatchId: pick(names), operator: "\x1b[2J" } },
    { $case: "recorded", value: { runId: id, seq: pick(numbers), ended: true } },
    { $case: "permitGrant", value: about },
    { $case: "query", value: { id, operator: pick(names), what } },
    { $case: "endQuery", value: { id } },
    {
      $case: "newTrust",
      value: {
        ...{ authorities: pick(names), addresses: pick([[], [pick(names)]]), renew: false },
        revokedControllers: pick([undefined, { ids: [pick(names)] }]),
      },
    },
    { $case: "heartbeatEvery", value: { intervalMs: pick(numbers), spreadMs: pick(numbers) } },
  ];
  const kind = pick(kinds);
  // what no program of ours would encode is not sent
  return ConnectResponse.decode(ConnectResponse.encode({ kind }).finish()).kind ?? kind;
}

test("more orders than can wait are refused, and none of them fills the disk", async (t) => {
  const { controller, life } = await scene(t);
  const session = await controller.session();
  const go = Promise.withResolvers<void>();
  life.work = async () => {
    await go.promise;
    return { state: "done", summary: "" };
  };
  for (let n = 0; n < 100; n += 1) {
    const order = Dispatch.create({ id: `d${n}`, work: Work.create({ verb: Verb.BACKUP, job: "home" }) });
    session.say({ $case: "dispatch", value: order });
  }
  await until(
    () => session.all("dispatchAnswer").filter(({ error }) => error?.code === "locked").length >= 35,
    () => "not refused",
  );
  assert.equal(life.store.prepare("select count(*) as count from dispatches").get()?.count, 65);
  assert.equal(life.started.length, 1);
  go.resolve();
});
