import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { parseAgentConfig } from "../../../agent/config/agent-config.ts";
import { inventoryOf } from "../../../agent/fleet/inventory.ts";
import { readRequest } from "../../../controller/stream/incoming.ts";
import { ConnectRequest, Inventory, ScheduleAssignment, Work } from "../../../proto/gen/luksmith/v1/fleet.ts";
import { Verb } from "../../../proto/gen/luksmith/v1/types.ts";
import { configText, enrol, FleetLife, stateDirectory } from "./fleet-life.ts";
import { ScriptedController, TestFleet, until } from "./scripted-controller.ts";

async function scene(context: TestContext, options: { controller?: string } = {}) {
  const fleet = await TestFleet.make();
  const controller = await ScriptedController.start(context, fleet);
  const stateDir = stateDirectory(context);
  await enrol(stateDir, fleet, [controller.address]);
  const life = await new FleetLife(stateDir, options).begin();
  return { fleet, controller, stateDir, life, session: await controller.session() };
}

function assignment(
  schedule: string,
  work: Partial<Work> = {},
  rest: Partial<ScheduleAssignment> = {},
): ScheduleAssignment {
  const wanted = Work.create({ verb: Verb.BACKUP, job: "*", ...work });
  return ScheduleAssignment.create({ schedule, work: wanted, cron: "0 2 * * *", timezone: "UTC", ...rest });
}

test("schedules are kept and gone by without the controller, by the next agent as well", async (t) => {
  const { controller, stateDir, life, session } = await scene(t);
  assert.equal(session.hello?.schedulesRevision, "");
  const nightly = assignment(
    "nightly",
    {},
    { since: new Date("2026-11-01T00:00:00Z"), windows: [{ days: [1], fromMinute: 60, toMinute: 120 }] },
  );
  session.say({ $case: "schedules", value: { revision: "r1", assignments: [nightly] } });
  await session.until("inventory");
  assert.deepEqual(life.assignments, [nightly]);
  controller.stop();
  await life.end();
  const next = await new FleetLife(stateDir).begin();
  t.after(() => next.end());
  assert.deepEqual(next.assignments, [nightly]);
  await controller.listen();
  const later = await controller.session(1);
  assert.equal(later.hello?.schedulesRevision, "r1");
  await next.identities.forget();
  await until(
    () => next.assignments.length === 0,
    () => "a machine that has left its fleet goes by its schedules",
  );
});

test("of more schedules than a machine goes by, those that are left out are told", async (t) => {
  const { life, session } = await scene(t);
  t.after(() => life.end());
  const names = Array.from({ length: 203 }, (_, index) => `s${index}`);
  const assignments = names.map((name) => assignment(name));
  session.say({ $case: "schedules", value: { revision: "r1", assignments } });
  const { refused } = await session.until("inventory");
  assert.equal(life.assignments.length, 200);
  assert.deepEqual(
    refused.map(({ schedule, error }) => [schedule, error?.code]),
    names.slice(200).map((name) => [name, "usage"]),
  );
});

test("what the configuration does not allow, or nobody could do, is refused and told; the rest is gone by", async (t) => {
  const { life, session } = await scene(t);
  t.after(() => life.end());
  session.say({
    $case: "schedules",
    value: {
      revision: "r1",
      assignments: [
        assignment("nightly"),
        assignment("clean", { verb: Verb.PRUNE }),
        assignment("keys", { verb: Verb.ROTATE_KEY, job: "", volume: "home" }),
        assignment("other", { job: "hme" }),
        assignment("never", {}, { cron: "0 0 31 2 *" }),
        assignment("nowhere", {}, { timezone: "Europe/Atlantis" }),
        assignment("jobs.home"),
        assignment("check", { verb: Verb.CHECK_VOLUME, job: "", volume: "*" }),
      ],
    },
  });
  const { refused } = await session.until("inventory");
  assert.deepEqual(
    life.assignments.map(({ schedule }) => schedule),
    ["nightly", "check"],
  );
  assert.deepEqual(
    refused.map(({ schedule, error }) => [schedule, error?.code]),
    [
      ["clean", "denied"],
      ["keys", "usage"],
      ["other", "not_found"],
      ["never", "config"],
      ["nowhere", "config"],
      ["jobs.home", "config"],
    ],
  );
});

test("schedules of another machine, or damaged ones, are not gone by, and end nothing", async (t) => {
  const { fleet, controller, stateDir, life, session } = await scene(t);
  session.say({ $case: "schedules", value: { revision: "r1", assignments: [assignment("nightly")] } });
  await session.until("inventory");
  await life.end();
  const file = join(stateDir, "fleet", "schedules.json");
  const text = readFileSync(file, "utf8");
  for (const [content, kept] of [
    [text, 1],
    [text.replace('"m1"', '"m2"'), 0],
    ["{", 0],
    ["[]", 0],
  ] as const) {
    writeFileSync(file, content);
    const next = await new FleetLife(stateDir).begin();
    assert.equal(next.assignments.length, kept, content);
    await next.end();
  }
  assert.ok(controller.fleet === fleet);
});

test("too many of them are refused as a whole, and those before stay", async (t) => {
  const { life, session } = await scene(t);
  t.after(() => life.end());
  session.say({ $case: "schedules", value: { revision: "r1", assignments: [assignment("nightly")] } });
  await session.until("inventory");
  const many = Array.from({ length: 501 }, (_, n) => assignment(`s${n}`));
  session.say({ $case: "schedules", value: { revision: "r2", assignments: many } });
  await until(
    () => life.faults().length > 0,
    () => "nothing was said of it",
  );
  assert.deepEqual(
    life.assignments.map(({ schedule }) => schedule),
    ["nightly"],
  );
});

test("names that no controller would hear of again are cut where they are refused", async (t) => {
  const { life, session } = await scene(t);
  t.after(() => life.end());
  const long = "é".repeat(300);
  const assignments = [assignment(long), assignment("nightly", { job: long, volume: long })];
  session.say({ $case: "schedules", value: { revision: "r1", assignments } });
  const inventory = await session.until("inventory");
  assert.equal(inventory.refused.length, 2);
  const bytes = ConnectRequest.encode({ kind: { $case: "inventory", value: inventory } }).finish();
  assert.equal(readRequest(bytes, new Date()).$case, "inventory");
});

test("what is wrong with five hundred schedules fits in a Hello, however many jobs there are", () => {
  const jobs = Array.from({ length: 300 }, (_, n) => `  job${n}: { volume: home, sources: [/home] }`).join("\n");
  const config = parseAgentConfig(
    configText("/var/lib/luksmith", "{ allow: [status] }").replace("jobs:\n", `jobs:\n${jobs}\n`),
    "agent.yaml",
  );
  const refused = Array.from({ length: 500 }, (_, n) => {
    const error = {
      code: "not_found",
      message: "no such job",
      hint: `there are ${[...config.jobs.keys()].join(", ")}`,
    };
    return { schedule: `s${n}`, job: "nope", volume: "", occurrence: undefined, error };
  });
  const inventory = inventoryOf(config, { list: () => [] }, refused, []);
  assert.equal(inventory.refused.length, 500);
  assert.ok(Inventory.encode(inventory).finish().length < 2 ** 19);
});

const occurrence = {
  schedule: "nightly",
  verb: Verb.BACKUP,
  job: "home",
  volume: "home",
  moment: new Date("2026-11-23T02:00:00Z"),
};
const { schedule, job, volume, moment } = occurrence;

test("a permit is asked for, waited for, asked for again over another connection, and given back", async (t) => {
  const { controller, life, session } = await scene(t);
  t.after(() => life.end());
  const permit = life.permit?.(occurrence, new AbortController().signal);
  const asked = { schedule, occurrence: moment, job, volume };
  assert.deepEqual(await session.until("permitRequest"), { ...asked, backupHost: "vault.example.net:22" });
  // of something else
  session.say({ $case: "permitGrant", value: { ...asked, job: "etc" } });
  session.end();
  const next = await controller.session(1);
  await next.until("permitRequest");
  next.say({ $case: "permitGrant", value: asked });
  const giveBack = await permit;
  controller.stop();
  await until(
    () => next.isOver,
    () => "still there",
  );
  giveBack?.();
  await controller.listen();
  const third = await controller.session(2);
  const { backupHost: _, ...returned } = { backupHost: "", ...(await third.until("permitReturn")) };
  assert.deepEqual(returned, asked);
});

test("who waits no longer has nothing, and gives back what may have been given", async (t) => {
  const { life, session } = await scene(t);
  t.after(() => life.end());
  const closed = new AbortController();
  const permit = life.permit?.(occurrence, closed.signal);
  await session.until("permitRequest");
  closed.abort(new Error("the window has closed"));
  await assert.rejects(permit ?? Promise.resolve(), /the window has closed/);
  await session.until("permitReturn");
});

test("what was due and could not begin is told at once, also when it happened while no controller was there", async (t) => {
  const { life, session, controller } = await scene(t);
  t.after(() => life.end());
  const error = { code: "not_found", message: "volume home has not been created yet", hint: "on the machine" };
  const name = { schedule: "nightly", verb: Verb.BACKUP, job: "home", volume: "home" };
  const moment = new Date("2026-11-28T02:00:00Z");
  life.notBegun = [{ ...name, moment, error }];
  life.begunOrNot.ring();
  const { refused } = await session.until("inventory");
  const told = { schedule: "nightly", job: "home", volume: "", occurrence: moment };
  assert.deepEqual(
    refused.map(({ error: _, ...rest }) => rest),
    [told],
  );
  assert.equal(refused[0]?.error?.message, error.message);
  controller.stop();
  life.notBegun = [];
  life.begunOrNot.ring();
  await controller.listen();
  const later = await controller.session(1);
  assert.deepEqual(later.hello?.inventory?.refused, []);
});
