/** A machine goes by its schedules whether there is a controller or not, and what it cannot do is seen from afar. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { RunState } from "../../../proto/gen/luksmith/v1/types.ts";
import { jsonLines } from "../cli/cli-process.ts";
import type { FleetMachine } from "./fleet-machine.ts";
import { until } from "./program.ts";
import { WholeFleet } from "./whole-fleet.ts";

let fleet: WholeFleet;
let web: FleetMachine;

before(async () => {
  fleet = await WholeFleet.begin();
  web = await fleet.machine("web1", "env=prod", "{ allow: [status, log, backup, cancel] }");
});

after(() => fleet?.[Symbol.asyncDispose]());

const schedules = `schedules:
  often: { selector: env=prod, verb: backup, job: etc, cron: "* * * * *" }
  srv: { selector: env=prod, verb: backup, job: srv, cron: "* * * * *" }
  checks: { selector: env=prod, verb: verify, job: etc, cron: "0 3 * * *" }
`;

/** Of the machine itself. */
async function ended() {
  const { stdout } = await web.luksmith("runs", "--json");
  return jsonLines(stdout).filter(({ state }) => state === "skipped");
}

test("with the controller stopped, it runs by its schedule, and reports that afterwards", async () => {
  await fleet.says("apply -f - --all-machines", /3 changes made$/m, { stdin: schedules });
  await until(
    async () => /"nextSchedule":"often"/.test((await web.luksmith("status", "--json")).stdout),
    () => "the machine has its schedules",
  );
  await fleet.controller.end("SIGTERM");
  const before = (await ended()).length;
  await until(
    async () => (await ended()).length > before,
    () => `a backup begins by itself; ${web.agent.logged.slice(-3000)}`,
  );
  await fleet.controller.start();
  await fleet.connected("web1");
  const reported = async () =>
    (await fleet.runs("name=web1")).filter(
      ({ run, cause }) => run?.state === RunState.SKIPPED && cause?.schedule === "often",
    );
  await until(
    async () => (await reported()).length > before,
    () => "it is reported",
  );
  const moments = (await reported()).map(({ cause }) => cause?.occurrence?.getTime());
  assert.equal(new Set(moments).size, moments.length);
  assert.ok(moments.every((moment) => moment !== undefined && moment % 60_000 === 0));
  await fleet.says("runs --schedule often", /^web1\/\S+ +backup +etc +skipped/m);
});

test("what it refuses, and what could not begin, is told with the reason", async () => {
  await fleet.untilMachine("web1", "tells what could not begin", ({ inventory }) =>
    (inventory?.refused ?? []).some(({ occurrence }) => occurrence !== undefined),
  );
  await fleet.says(
    "machines",
    /refuses checks \(etc\): .*verify.*srv \(srv\) could not begin .* ago: volume srv has not been created yet/,
  );
  await fleet.says(
    "machines --jobs",
    /^web1 +srv +never .*srv \(srv\) could not begin .* ago: volume srv has not been created yet/m,
  );
  await until(
    async () =>
      /srv was due and could not begin: volume srv has not been created yet/.test(await fleet.says("alerts", /^/)),
    () => "there is an alert",
  );
});
