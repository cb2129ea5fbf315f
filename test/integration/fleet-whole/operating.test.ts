/** What an operator does from the first day on, with the real programs and nothing between them. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { MachineState } from "../../../proto/gen/luksmith/v1/controller.ts";
import type { FleetMachine } from "./fleet-machine.ts";
import { until } from "./program.ts";
import { WholeFleet } from "./whole-fleet.ts";

let fleet: WholeFleet;
let web: FleetMachine;
let db: FleetMachine;

before(async () => {
  fleet = await WholeFleet.begin();
});

after(() => fleet?.[Symbol.asyncDispose]());

test("machines enrol: one is called as its token says, the other waits until somebody confirms it", async () => {
  db = fleet.addMachine("db1");
  const [line] = await Promise.all([
    fleet.says("token create --labels env=prod,role=db", /^luksmith enroll /),
    db.start("{ allow: [status, log, backup, cancel] }"),
    fleet.machine("web1").then((machine) => {
      web = machine;
    }),
  ]);
  const enrolled = await db.enrol(line.trim());
  const [, id = ""] = /luksmith fleet accept (\S+)/.exec(enrolled.stdout) ?? [];
  assert.notEqual(id, "", enrolled.stdout + enrolled.stderr);
  const again = await web.enrol(`${line.trim()} --replace`);
  assert.equal(again.exitCode, 13);
  assert.match(again.stderr, /the token is not accepted/);
  await fleet.says(`accept ${id} --name db1`, /^db1 is one of the fleet$/m);
  await fleet.connected("db1");
  await until(
    async () => (await db.luksmith("status", "--json")).stdout.includes('"name":"db1"'),
    () => "db1 knows its name",
  );
  await fleet.connected("db1");
  await fleet.says("machines", /^db1 +connected +env=prod role=db[\s\S]*^web1 +connected +env=prod/m);
  await fleet.says("audit", /refused .*enrol/i);
});

test("now, on a selector: what a machine does not allow is shown as refused", async () => {
  const ended = await fleet.fleet("run all verify etc --level quick --all-machines");
  assert.match(ended.stderr, /^not asked: db1: .*verify/m);
  assert.match(ended.stdout, /^web1\/\S+ +failed /m);
  assert.notEqual(ended.exitCode, 0);
  await fleet.refuses("run name=db1 verify etc", 10, /not asked: db1: .*verify/);
  await fleet.says("run env=prod backup etc --all-machines", /^db1\/\S+ +skipped [\s\S]*^web1\/\S+ +skipped /m);
  await fleet.says("runs --job etc", /^web1\/\S+ +backup +etc +skipped/m);
  await fleet.refuses("run name=web1 backup srv", 10, /^web1 +refused +- +volume srv has not been created yet/m);
});

test("what happens is seen as it happens, and ended from afar", async () => {
  await web.hold();
  await fleet.ask("name=web1 backup home");
  await until(
    async () => (await web.begun()).length === 1,
    () => "the backup has begun",
  );
  const log = await fleet.startFleet("log web1/last --follow");
  await log.printed(/before hooks/);
  await fleet.says("status", /running/);
  await fleet.says("cancel web1/last", /web1/);
  const ended = await log.ended;
  assert.equal(ended.exitCode, 130, ended.stdout + ended.stderr);
  assert.match(ended.stdout + ended.stderr, /cancelled/);
  await web.letGo();

  await web.hold();
  const batch = await fleet.ask("name=web1 backup home");
  const following = await fleet.startFleet(`dispatches ${batch} --follow`);
  await until(
    async () => (await web.begun()).length === 2,
    () => "the backup has begun again",
  );
  await web.letGo();
  const followed = await following.ended;
  assert.match(followed.stdout, /^web1\/\S+ +skipped/m, followed.stderr);
  assert.equal((await web.begun()).length, 2);
});

test("a machine whose clock is a quarter of an hour ahead is shown as that, and does what it is asked for", async () => {
  const early = fleet.addMachine("early1");
  early.clock = "+15m";
  const [line] = await Promise.all([
    fleet.says("token create --name early1 --labels env=test", /^luksmith enroll /),
    early.start(),
  ]);
  assert.equal((await early.enrol(line.trim())).exitCode, 0);
  await fleet.connected("early1");
  await fleet.says("machines name=early1", /^early1 +connected .*its clock is 15 min ahead/m);
  // within a deadline that is over by the machine's clock
  await fleet.says("run name=early1 backup etc --all-machines --deadline 5m", /^early1\/\S+ +skipped/m);
  const [run] = await fleet.runs("name=early1");
  assert.equal(run?.late, false);
  await early.end("SIGTERM");
  await fleet.says("revoke early1 --yes", /is revoked/);
});

test("schedules are shown before they change, and sent to the machines at once", async () => {
  const one = 'schedules: { nightly: { selector: env=prod, verb: backup, job: etc, cron: "0 2 * * *" } }\n';
  await fleet.says("apply -f - --all-machines --dry-run", /^\+ nightly {2}2 machines$[\s\S]*not made/m, { stdin: one });
  await fleet.says("apply -f - --all-machines", /1 change made$/m, { stdin: one });
  await until(
    async () => /nightly/.test((await web.luksmith("status", "--json")).stdout),
    () => "web1 has its schedule",
  );
  await fleet.says("schedules", /^nightly /m);
  await fleet.says("apply -f - --prune --yes", /^- nightly$/m, { stdin: "schedules: {}\n" });
  await until(
    async () => !/nightly/.test((await web.luksmith("status", "--json")).stdout),
    () => "web1 has none any more",
  );
});

test("a viewer of some machines sees those, and changes nothing", async () => {
  const as = join(fleet.directory, "viv.yaml");
  await fleet.says("operator create viv --role viewer --scope role=db --out viv.yaml", /^viv is a viewer of role=db/);
  const seen = await fleet.says("machines", /^db1 /m, { as });
  assert.doesNotMatch(seen, /web1/);
  await fleet.says("runs", /^db1\//m, { as });
  assert.doesNotMatch(await fleet.says("runs", /^/, { as }), /web1/);
  await fleet.refuses("run name=db1 backup etc", 1, /takes the role operator/, { as });
  await fleet.refuses("log web1/last", 10, /./, { as });
  await fleet.refuses("token create", 1, /takes the role admin/, { as });
  await fleet.says("audit --operator viv", /refused/);
});

test("a revoked machine is cut off at once, in the middle of what it does", async () => {
  await web.hold();
  await fleet.ask("name=web1 backup home");
  await until(
    async () => (await web.begun()).length === 3,
    () => "the backup has begun",
  );
  const log = await fleet.startFleet("log web1/last --follow");
  await log.printed(/before hooks/);
  await fleet.says("revoke web1 --yes", /is revoked/);
  assert.notEqual((await log.ended).exitCode, 0);
  await fleet.untilMachine("web1", "is away", ({ connected, state }) => !connected && state === MachineState.REVOKED);
  const status = async () => (await web.luksmith("status", "--json")).stdout;
  await until(
    async () => /revoked|not of the fleet/.test(await status()),
    () => "web1 knows",
  );
  // what was under way is the machine's own
  await web.letGo();
  const ended = await web.luksmith("runs", "--json");
  assert.equal(ended.exitCode, 0, ended.stderr);
  await fleet.refuses("run name=web1 backup etc", 10, /revoked|no machine/);
});
