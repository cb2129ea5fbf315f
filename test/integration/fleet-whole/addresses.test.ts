/** The controller moves: machines are told of its new address while it is at the old one, and those that were away as they come back. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { FleetMachine } from "./fleet-machine.ts";
import { freePort, until } from "./program.ts";
import { WholeFleet } from "./whole-fleet.ts";

let fleet: WholeFleet;
let machines: readonly FleetMachine[];

before(async () => {
  fleet = await WholeFleet.begin();
  machines = await Promise.all([fleet.machine("web1"), fleet.machine("away1")]);
});

after(() => fleet?.[Symbol.asyncDispose]());

async function hasHeardOf(machine: FleetMachine, address: string): Promise<void> {
  const file = join(machine.directory, "state/fleet/identity.json");
  await until(
    async () => (await readFile(file, "utf8")).includes(`"${address}"`),
    () => `${machine.name} has not heard of ${address}`,
  );
}

test("machines follow a controller that moves, also one that was away when it was told", async () => {
  const [web, away] = machines;
  assert.ok(web && away);
  const { controller } = fleet;
  const address = `127.0.0.1:${await freePort()}`;
  await away.end("SIGTERM");
  await controller.end("SIGTERM");
  await controller.configure({ addresses: [controller.address, address] });
  await controller.start();
  await hasHeardOf(web, address);
  await away.start();
  await hasHeardOf(away, address);

  await controller.end("SIGTERM");
  await controller.configure({ listen: address });
  await controller.start();
  for (const machine of machines) {
    let seen = "";
    await until(
      async () => {
        seen = (await machine.luksmith("status", "--json")).stdout;
        return seen.includes(`"address":"${address}"`) && seen.includes('"connected"');
      },
      () => `${machine.name} comes by ${address}: ${seen}`,
    );
  }
});
