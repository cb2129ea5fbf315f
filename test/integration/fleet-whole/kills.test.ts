/** Whichever side dies, and whenever: what was asked for is done once, and told once. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { DispatchState } from "../../../proto/gen/luksmith/v1/controller.ts";
import { RunState } from "../../../proto/gen/luksmith/v1/types.ts";
import type { FleetMachine } from "./fleet-machine.ts";
import { until } from "./program.ts";
import { WholeFleet } from "./whole-fleet.ts";

let fleet: WholeFleet;
let web: FleetMachine;
/** How many backups have begun by now. */
let begun = 0;

before(async () => {
  fleet = await WholeFleet.begin();
  web = await fleet.machine("web1");
});

after(() => fleet?.[Symbol.asyncDispose]());

const stateOf = async (batch: string) => (await fleet.dispatches(batch))[0]?.state;

async function untilState(batch: string, state: DispatchState): Promise<void> {
  await until(
    async () => (await stateOf(batch)) === state,
    () => `it is to be in state ${state}; ${web.agent.logged.slice(-2000)}`,
  );
}

async function nextBegins(): Promise<string> {
  begun += 1;
  await until(
    async () => (await web.begun()).length >= begun,
    () => `a backup begins; ${web.agent.logged.slice(-2000)}`,
  );
  const runs = await web.begun();
  assert.equal(runs.length, begun);
  return runs.at(-1) ?? "";
}

/** Once here, and once there, by the same run. */
async function assertOnce(batch: string, runId: string, state: RunState): Promise<void> {
  const [dispatch] = await fleet.dispatches(batch);
  assert.equal(dispatch?.run?.run?.id, runId);
  const told = (await fleet.runs("name=web1")).filter(({ cause }) => cause?.dispatchId === dispatch?.id);
  assert.deepEqual(
    told.map(({ run }) => [run?.id, run?.state]),
    [[runId, state]],
  );
  assert.equal((await web.begun()).length, begun);
}

test("the agent is killed in the run: it is told to be interrupted, and not done again", async () => {
  await web.hold();
  const batch = await fleet.ask("name=web1 backup home");
  const runId = await nextBegins();
  await untilState(batch, DispatchState.RUNNING);
  await web.end("SIGKILL");
  await web.start();
  await untilState(batch, DispatchState.ENDED);
  await assertOnce(batch, runId, RunState.INTERRUPTED);
  await fleet.says("runs --failed", new RegExp(`^web1/${runId} +backup +home +interrupted`, "m"));
  await web.letGo();
});

test("the agent is away and killed before it has heard: the next one does it", async () => {
  await web.hold();
  web.agent.child.kill("SIGSTOP");
  const batch = await fleet.ask("name=web1 backup home");
  await untilState(batch, DispatchState.SENT);
  await web.end("SIGKILL");
  await web.start();
  const runId = await nextBegins();
  await web.letGo();
  await untilState(batch, DispatchState.ENDED);
  await assertOnce(batch, runId, RunState.SKIPPED);
});

test("the controller is killed before it has an answer, and the machine finishes meanwhile", async () => {
  await web.hold();
  web.agent.child.kill("SIGSTOP");
  const batch = await fleet.ask("name=web1 backup home");
  await untilState(batch, DispatchState.SENT);
  await fleet.controller.end("SIGKILL");
  web.agent.child.kill("SIGCONT");
  const runId = await nextBegins();
  await web.letGo();
  await until(
    async () => /skipped/.test((await web.luksmith("runs", "--limit", "1", "--json")).stdout),
    () => "the backup ends",
  );
  await fleet.controller.start();
  await untilState(batch, DispatchState.ENDED);
  await assertOnce(batch, runId, RunState.SKIPPED);
});

test("the controller is killed while many are asked: each is asked once in the end", async () => {
  const asking = await Promise.all(
    Array.from({ length: 4 }, () => fleet.startFleet("run name=web1 backup etc --detach --all-machines")),
  );
  await Promise.race(asking.map((each) => each.ended));
  await fleet.controller.end("SIGKILL");
  const answers = await Promise.all(asking.map((each) => each.ended));
  const batches = answers.flatMap(({ stdout }) => /asked: (\S+)/.exec(stdout)?.[1] ?? []);
  assert.ok(batches.length > 0);
  await fleet.controller.start();
  await fleet.connected("web1");
  for (const batch of batches) {
    await until(
      async () => {
        const state = await stateOf(batch);
        // a second backup of a volume that is in use is refused
        return state === DispatchState.ENDED || state === DispatchState.REFUSED;
      },
      () => `${batch} comes to its end`,
    );
  }
  const told = (await fleet.runs("name=web1")).map(({ cause }) => cause?.dispatchId);
  assert.equal(new Set(told).size, told.length);
});
