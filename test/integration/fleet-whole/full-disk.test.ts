/** No room left for the controller's database: it waits and says so, and nothing that machines tell is lost or counted twice. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { FleetMachine } from "./fleet-machine.ts";
import { runProgram, until } from "./program.ts";
import { SmallDisk } from "./small-disk.ts";
import { WholeFleet } from "./whole-fleet.ts";

/** Enough for the fleet of this test, with its log of changes. */
const diskBytes = 24 * 2 ** 20;
const runsEach = 6;

let disk: SmallDisk;
let fleet: WholeFleet;
let machines: FleetMachine[];

before(async () => {
  disk = await SmallDisk.mount(diskBytes);
  fleet = await WholeFleet.begin(1, join(disk.directory, "controller.db"));
  machines = await Promise.all(["web1", "web2"].map((name) => fleet.machine(name)));
});

after(async () => {
  await fleet?.[Symbol.asyncDispose]();
  await disk?.[Symbol.asyncDispose]();
});

async function unreported(machine: FleetMachine): Promise<number> {
  const { stdout } = await machine.luksmith("status", "--json");
  return Number(/"unreported":(\d+)/.exec(stdout)?.[1]);
}

/** Backups that somebody types there. */
async function backUp(machine: FleetMachine): Promise<void> {
  for (let number = 0; number < runsEach; number += 1) {
    const { exitCode, stderr } = await machine.luksmith("backup", "etc");
    assert.equal(exitCode, 0, stderr);
  }
}

async function untilAllIsTold(): Promise<void> {
  for (const machine of machines) {
    const runs = await machine.runIds("etc");
    await until(
      async () => (await fleet.toldRunIds(machine, "etc")).length >= runs.length,
      () => `${machine.name} has told all; ${fleet.controller.logged.slice(-3000)}`,
    );
    assert.deepEqual(await fleet.toldRunIds(machine, "etc"), runs);
    await until(
      async () => (await unreported(machine)) === 0,
      () => `${machine.name} knows that all is recorded`,
    );
  }
}

test("filled up under load: reports wait, everybody who asks is told, and all goes on when there is room", async () => {
  await Promise.all(machines.map(backUp));
  await untilAllIsTold();
  const before = (await fleet.toldRunIds(machines[0] as FleetMachine, "etc")).length;
  disk.fill();
  await Promise.all(machines.map(backUp));
  await until(
    async () => /no room left for the controller's database/.test(await fleet.controller.unready()),
    () => "it is not ready",
  );
  assert.ok(fleet.controller.isAlive);
  assert.match(
    fleet.controller.logged,
    /"hint":"df -h[^"]*".*no room left for the controller's database .*waiting for it/,
  );
  for (const machine of machines) {
    // what is said to be recorded is stored
    const told = await fleet.toldRunIds(machine, "etc");
    assert.equal((await machine.runIds("etc")).length - told.length, await unreported(machine));
    assert.ok((await unreported(machine)) > 0);
    assert.ok(told.length >= before);
  }
  // what is to be written down is refused, what is only looked at is shown
  await fleet.refuses(
    "run name=web1 backup etc --detach",
    1,
    /no room left for the controller's database[\s\S]*hint: df -h/,
  );
  await fleet.refuses("token create", 1, /no room left for the controller's database[\s\S]*hint: df -h/);
  await fleet.says("machines", /^web1 +connected/m);
  assert.ok(fleet.controller.isAlive);
  await disk.makeRoom();
  await untilAllIsTold();
  await until(
    async () => (await fleet.controller.unready()) === "",
    () => "it is ready again",
  );
  await fleet.says("run name=web1 backup etc --all-machines", /^web1\/\S+ +skipped/m);
});

test("killed while there is no room, and started: it says why it cannot, and begins when it can, with all there was", async () => {
  disk.fill();
  await Promise.all(machines.map(backUp));
  await until(
    async () => (await fleet.controller.unready()) !== "",
    () => "it is not ready",
  );
  await fleet.controller.end("SIGKILL");
  const { exitCode, stdout, stderr } = await fleet.controller.startInVain();
  assert.equal(exitCode, 1, stdout + stderr);
  assert.match(stderr, /"hint":"df -h[^"]*".*no room left for the controller's database/);
  await disk.makeRoom();
  await fleet.controller.start();
  fleet.forgetClient();
  await untilAllIsTold();
});

test("init without room is refused, and finished by the next, wherever it ran out", async () => {
  const stateDir = join(disk.directory, "state");
  const init = () =>
    runProgram("controller/main.ts", ["init", "--state-dir", stateDir, "--address", "fleet.example.net:7443"]);
  const step = 48 * 1024;
  let refused = 0;
  for (let left = 0; ; left += step) {
    disk.fill(left);
    const { exitCode, stdout, stderr } = await init();
    await disk.makeRoom();
    if (exitCode === 0) {
      assert.match(stdout, /Next:/);
      break;
    }
    assert.equal(exitCode, 1, stdout + stderr);
    assert.match(stderr, /^error: no room left for .*\nhint: df -h/);
    refused += 1;
  }
  assert.ok(refused > 2, `${refused}`);
  const again = await init();
  assert.match(again.stderr, /has begun already/);
});
