/** Another authority, step by step and once back, with a machine that follows by itself and one that was not there. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { FleetMachine } from "./fleet-machine.ts";
import { until } from "./program.ts";
import { WholeFleet } from "./whole-fleet.ts";

let fleet: WholeFleet;
let web: FleetMachine;

before(async () => {
  fleet = await WholeFleet.begin();
  const [first, away] = await Promise.all([fleet.machine("web1"), fleet.machine("away1")]);
  web = first;
  await away.end("SIGTERM");
});

after(() => fleet?.[Symbol.asyncDispose]());

interface Authorities {
  readonly phase: string;
  readonly authorities: readonly { fingerprint: string; next: boolean }[];
  readonly machines: readonly { machine: string; trustsNext: boolean; issuedByNext: boolean }[];
}

async function authorities(): Promise<Authorities> {
  const [answer] = await fleet.json("ca");
  return answer as unknown as Authorities;
}

/** Until it has come so far, by itself. */
async function follows(machine: string, trustsNext: boolean, issuedByNext: boolean): Promise<void> {
  let seen: unknown;
  await until(
    async () => {
      const found = (await authorities()).machines.find((each) => each.machine === machine);
      seen = found;
      return found?.trustsNext === trustsNext && found.issuedByNext === issuedByNext;
    },
    () => `${machine} follows; it is ${JSON.stringify(seen)}`,
  );
}

/** An agent that has renewed its certificate does not do so again within a minute; one that begins knows nothing of that. */
async function startAnew(): Promise<void> {
  await web.end("SIGTERM");
  await web.start();
}

test("the authority is another in the end, and nobody who was there is left behind", async () => {
  const [old] = (await authorities()).authorities;
  assert.ok(old);
  await fleet.says("ca rotate start", /^step 1 of 3/);
  await follows("web1", true, false);
  await fleet.refuses("ca rotate next", 3, /away1/);
  await fleet.says("revoke away1 --yes", /is revoked/);
  await fleet.says("ca rotate next", /^step 2 of 3/);
  await follows("web1", true, true);

  await fleet.says("ca rotate back", /^step 1 of 3/);
  await startAnew();
  await follows("web1", true, false);
  await fleet.says("ca rotate next", /^step 2 of 3/);
  await startAnew();
  await follows("web1", true, true);

  await fleet.says("ca rotate next", /^step 3 of 3/);
  await fleet.says("ca rotate next --yes", /not being changed/);
  const left = (await authorities()).authorities;
  assert.equal(left.length, 1);
  assert.notEqual(left[0]?.fingerprint, old.fingerprint);
});

test("all goes on: what was there works, who comes now believes the new one, the old line is good for nobody", async () => {
  fleet.forgetClient();
  await fleet.connected("web1");
  await fleet.says("run name=web1 backup etc --all-machines", /^web1\/\S+ +skipped/m);
  await fleet.controller.end("SIGTERM");
  await fleet.controller.start();
  fleet.forgetClient();
  await fleet.connected("web1");
  const late = await fleet.machine("late1");
  assert.match((await late.luksmith("status", "--json")).stdout, /"name":"late1"/);
});
