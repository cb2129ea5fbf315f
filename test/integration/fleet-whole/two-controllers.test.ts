/** Two controllers on PostgreSQL are one fleet to whoever looks at it, and one of them is enough. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { DispatchState } from "../../../proto/gen/luksmith/v1/controller.ts";
import { RunState } from "../../../proto/gen/luksmith/v1/types.ts";
import { PostgresServer } from "../controller/harness/postgres-server.ts";
import type { FleetMachine } from "./fleet-machine.ts";
import { until } from "./program.ts";
import { WholeFleet } from "./whole-fleet.ts";

let postgres: PostgresServer;
let fleet: WholeFleet;
let web: FleetMachine;

before(async () => {
  postgres = await PostgresServer.start();
  fleet = await WholeFleet.begin(2, await postgres.database());
  web = await fleet.machine("web1");
});

after(async () => {
  await fleet?.[Symbol.asyncDispose]();
  await postgres?.[Symbol.asyncDispose]();
});

const machineLine = async (address: string) =>
  (await fleet.says("machines --json", /^/, { at: address })).replace(/"lastSeen":"[^"]+"|"clockSkewMs":-?\d+/g, "");

test("operators see the same through both, also what a machine tells live", async () => {
  const [first, second] = fleet.controllers.map(({ address }) => address);
  assert.ok(first && second);
  assert.equal(await machineLine(first), await machineLine(second));
  await fleet.says("controllers", /^\S+ +alive [\s\S]*^\S+ +alive /m);
  await web.hold();
  await fleet.says("run name=web1 backup home --detach --all-machines", /asked/, { at: second });
  await until(
    async () => (await web.begun()).length === 1,
    () => "the backup begins",
  );
  const logs = await Promise.all([first, second].map((at) => fleet.startFleet("log web1/last --follow", at)));
  await Promise.all(logs.map((log) => log.printed(/before hooks/)));
  await web.letGo();
  for (const log of logs) assert.match((await log.ended).stdout, /nothing to do now|skipped/);
});

test("the controller that has the machine is killed amid a dispatch: the other one goes on with it", async () => {
  const [machine] = await fleet.machines("name=web1");
  const theirs = fleet.controllers.find(({ id }) => id === machine?.controller);
  const other = fleet.controllers.find((each) => each !== theirs);
  assert.ok(theirs && other, JSON.stringify(machine));
  await web.hold();
  const batch = await fleet.ask("name=web1 backup home --all-machines");
  await until(
    async () => (await web.begun()).length === 2,
    () => "the backup begins",
  );
  await theirs.end("SIGKILL");
  fleet.forgetClient();
  await web.letGo();
  await fleet.untilMachine(
    "web1",
    "is connected to the other",
    ({ controller, connected }) => connected && controller === other.id,
  );
  await until(
    async () => (await fleet.dispatches(batch))[0]?.state === DispatchState.ENDED,
    () => "the dispatch ends",
  );
  const runs = await fleet.runs("name=web1");
  assert.deepEqual(
    runs.map(({ run }) => run?.state),
    [RunState.SKIPPED, RunState.SKIPPED],
  );
  assert.equal((await web.begun()).length, 2);
  await until(
    async () => new RegExp(`^${theirs.id} +away `, "m").test(await fleet.says("controllers", /^/)),
    () => "the killed one counts as away",
  );
  // who dials in vain goes on to the next address
  await fleet.says("run name=web1 backup etc --all-machines", /^web1\/\S+ +skipped/m);
  await theirs.start();
  await fleet.says("controllers", /^\S+ +alive [\s\S]*^\S+ +alive /m);
});

test("one of them is revoked by the other: it ends by itself, does not begin again, and machines have heard of it", async () => {
  const [machine] = await fleet.machines("name=web1");
  const theirs = fleet.controllers.find(({ id }) => id === machine?.controller);
  const other = fleet.controllers.find((each) => each !== theirs);
  assert.ok(theirs && other, JSON.stringify(machine));
  await fleet.refuses(`controller revoke ${theirs.id} --yes`, 2, /is the controller that answers/, {
    at: theirs.address,
  });
  await fleet.says(`controller revoke ${other.id} --yes`, /is revoked/, { at: theirs.address });
  await until(
    () => !other.isAlive,
    () => "it ends",
  );
  assert.match(other.logged, /this controller, \S+, has been revoked/);
  const { exitCode, stderr } = await other.startInVain();
  assert.equal(exitCode, 2, stderr);
  assert.match(stderr, /this controller, \S+, has been revoked/);
  fleet.forgetClient();
  await fleet.says("controllers", new RegExp(`^${theirs.id} +alive [\\s\\S]*|^${other.id} +revoked`, "m"), {
    at: theirs.address,
  });
  await until(
    async () => (await readFile(join(web.directory, "state/fleet/identity.json"), "utf8")).includes(`"${other.id}"`),
    () => "the machine has heard of it",
  );
  await fleet.connected("web1");
});
