/**
 * PostgreSQL goes away under load, in each way that it can: stopped, killed, frozen, its connections ended or swallowed. Machines wait,
 * operators are told within seconds, and afterwards all is there, once.
 */

import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { DispatchState } from "../../../proto/gen/luksmith/v1/controller.ts";
import { Cable } from "../cable.ts";
import { PostgresServer } from "../controller/harness/postgres-server.ts";
import type { FleetMachine } from "./fleet-machine.ts";
import { until } from "./program.ts";
import { WholeFleet } from "./whole-fleet.ts";

/** What somebody waits for who has typed something. */
const secondsOfPatience = 30;
/** As the unit has it: TimeoutStopSec. */
const secondsToStop = 60;

let postgres: PostgresServer;
let way: Cable;
let fleet: WholeFleet;
let machines: FleetMachine[];
let database = "";

before(async () => {
  postgres = await PostgresServer.start();
  way = await Cable.open(() => connect(postgres.socket));
  [, database = ""] = /\/([a-z0-9]+)\?/.exec(await postgres.database()) ?? [];
  fleet = await WholeFleet.begin(1, `postgres://postgres@127.0.0.1:${way.port}/${database}`);
  machines = await Promise.all(["web1", "web2"].map((name) => fleet.machine(name)));
});

after(async () => {
  await fleet?.[Symbol.asyncDispose]();
  way?.close();
  await postgres?.[Symbol.asyncDispose]();
});

async function allIsTold(): Promise<void> {
  for (const machine of machines) {
    const runs = await machine.runIds("etc");
    await until(
      async () => (await fleet.toldRunIds(machine, "etc")).length >= runs.length,
      () => `${machine.name} has told all; ${fleet.controller.logged.slice(-3000)}`,
    );
    assert.deepEqual(await fleet.toldRunIds(machine, "etc"), runs);
    await until(
      async () => /"unreported":0/.test((await machine.luksmith("status", "--json")).stdout),
      () => `${machine.name} knows that all is recorded`,
    );
  }
  const doubled = await postgres.query(
    "select machine_id, run_id, seq, count(*) from run_events group by 1, 2, 3 having count(*) > 1",
    database,
  );
  assert.deepEqual(doubled, []);
}

/** Backups without a pause, until they are to end. */
function underLoad(): () => Promise<void> {
  const over = new AbortController();
  const backingUp = machines.map(async (machine) => {
    while (!over.signal.aborted) {
      const { exitCode, stderr } = await machine.luksmith("backup", "etc");
      assert.equal(exitCode, 0, stderr);
    }
  });
  return async () => {
    over.abort();
    await Promise.all(backingUp);
  };
}

async function grow(by: number): Promise<void> {
  const [machine] = machines;
  assert.ok(machine);
  const there = (await machine.runIds("etc")).length;
  await until(
    async () => (await machine.runIds("etc")).length >= there + by,
    () => "the machines go on",
  );
}

async function isReady(): Promise<void> {
  await until(
    async () => (await fleet.controller.unready()) === "",
    () => `it is ready; ${fleet.controller.logged.slice(-3000)}`,
  );
}

/**
 * With a backup under way that an operator has asked for, and that ends while the database is away.
 * @param awayMs at the least; what is looked at meanwhile takes its time as well
 */
async function survives(goAway: () => Promise<void>, comeBack: () => Promise<void>, awayMs = 0): Promise<void> {
  const [web] = machines;
  assert.ok(web);
  const begun = (await web.begun()).length;
  await web.hold();
  const batch = await fleet.ask("name=web1 backup home");
  await until(
    async () => (await web.begun()).length > begun,
    () => "the backup begins",
  );
  const enough = underLoad();
  await grow(1);
  await using away = new AsyncDisposableStack();
  away.defer(comeBack);
  await goAway();
  const goneMs = performance.now();
  await until(
    async () => (await fleet.controller.unready()) !== "",
    () => "it is not ready",
  );
  await web.letGo();
  for (const asked of ["machines", "run name=web1 backup etc --detach"]) {
    const beganMs = performance.now();
    await fleet.refuses(asked, 13, /database.*\n?hint: /);
    assert.ok(performance.now() - beganMs < secondsOfPatience * 1000, asked);
  }
  await grow(1);
  await until(
    () => performance.now() - goneMs >= awayMs,
    () => "time passes",
  );
  assert.ok(fleet.controller.isAlive);
  await away.disposeAsync();
  await isReady();
  await enough();
  await until(
    async () => (await fleet.dispatches(batch))[0]?.state === DispatchState.ENDED,
    () => "what was under way has ended",
  );
  assert.equal((await web.begun()).length, begun + 1);
  await allIsTold();
  await fleet.says("run name=web1 backup etc --all-machines", /^web1\/\S+ +skipped/m);
  assert.ok(fleet.controller.isAlive);
}

test("killed, and started again after more than a minute", async () => {
  await survives(
    () => postgres.kill(),
    () => postgres.resume(),
    65_000,
  );
});

test("frozen, so that nothing comes back and nothing is closed", async () => {
  await survives(
    () => postgres.freeze(),
    () => postgres.thaw(),
  );
});

test("each connection is ended in the middle of what it does, again and again", async () => {
  const enough = underLoad();
  for (let times = 0; times < 4; times += 1) {
    await postgres.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'luksmith-controller'",
    );
    await grow(1);
  }
  await enough();
  await isReady();
  await allIsTold();
});

test("each connection is swallowed on the way, while others could be made", async () => {
  const enough = underLoad();
  await grow(1);
  // those of whoever listens for news, and of one who writes, at the least
  assert.ok(way.freeze() >= 4);
  await enough();
  await allIsTold();
  await isReady();
  // whoever listens for news has another connection as well
  await fleet.says("run name=web1 backup etc --all-machines", /^web1\/\S+ +skipped/m);
});

test("it ends when it is told to, also while the database is frozen", async () => {
  await postgres.freeze();
  const beganMs = performance.now();
  await fleet.controller.end("SIGTERM").finally(() => postgres.thaw());
  assert.ok(performance.now() - beganMs < secondsToStop * 1000);
  await fleet.controller.start();
  fleet.forgetClient();
  await allIsTold();
});
