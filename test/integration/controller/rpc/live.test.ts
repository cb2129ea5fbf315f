/** From an operator's command to a machine's own stream, and back. */

import assert from "node:assert/strict";
import { it } from "node:test";
import { DispatchState } from "../../../../proto/gen/luksmith/v1/controller.ts";
import { Work } from "../../../../proto/gen/luksmith/v1/fleet.ts";
import { Run, RunEvent, RunState, Verb } from "../../../../proto/gen/luksmith/v1/types.ts";
import { eachStore } from "../harness/each-store.ts";
import { everyWord, OpsScene } from "../harness/ops-scene.ts";
import { until } from "../harness/test-agent.ts";
import { TestFleet } from "../harness/test-fleet.ts";

const runId = "0123456789";
const inventory = {
  jobs: [{ name: "home", volume: "home", lastGood: undefined }],
  volumes: [{ name: "home", backupHost: "vault:22" }],
  allowed: everyWord,
  refused: [],
};

eachStore("an operator and a machine", (stores) => {
  it("that is asked, watched while it works, and cancelled", async () => {
    const store = await stores.open();
    const machines = await TestFleet.start(store);
    try {
      await using scene = await OpsScene.start(store, machines.fleet.relay);
      await machines.machine("m1", { name: "web1", labels: { env: "prod" } });
      const agent = await machines.agent("m1");
      await agent.join({ inventory });
      const olga = await scene.operator("olga", "operator");
      await until(
        async () => (await olga.unary.getFleet({})).connected === 1,
        () => "it is not connected",
      );
      const { batch } = await olga.unary.dispatch({
        ...{ selector: "name=web1", work: Work.create({ verb: Verb.BACKUP, job: "home" }), expiresMs: 0 },
        ...{ everyMachine: false, dryRun: false },
      });
      const order = await agent.waitFor("dispatch");
      assert.deepEqual([order.work?.job, order.operator], ["home", "olga"]);
      agent.say({ $case: "dispatchAnswer", value: { id: order.id, runId, error: undefined } });
      const run = Run.create({ id: runId, verb: Verb.BACKUP, job: "home", volume: "home", state: RunState.RUNNING });
      const report = (change: Partial<Run>) =>
        agent.say({
          $case: "runReport",
          value: {
            run: { ...run, startedAt: new Date(), ...change },
            cause: { dispatchId: order.id, schedule: "", occurrence: undefined },
          },
        });
      report({});
      await until(
        async () => (await olga.unary.listFleetRuns({ ...anyRun })).runs.length === 1,
        () => "the run is not known",
      );
      const watching = olga.read(olga.client.watchFleetRun({ run: "web1/last", follow: true }));
      const query = await agent.waitFor("query");
      assert.deepEqual(query.what, { $case: "watch", value: { runId, follow: true } });
      assert.equal(query.operator, "olga");
      const note = RunEvent.create({ seq: 1, kind: { $case: "note", value: { message: "hello" } } });
      const end = RunEvent.create({ seq: 2, kind: { $case: "ended", value: { run: undefined } } });
      const reply = { id: query.id, snapshots: [], files: [], error: undefined };
      agent.say({ $case: "reply", value: { ...reply, events: [note], last: false } });
      await olga.unary.cancelFleetRun({ run: "web1/last" });
      const cancel = await agent.waitFor("cancelOrder");
      assert.deepEqual([cancel.runId, cancel.operator], [runId, "olga"]);
      agent.say({ $case: "reply", value: { ...reply, events: [end], last: true } });
      report({ state: RunState.CANCELLED, finishedAt: new Date() });
      const told = await watching;
      assert.deepEqual(
        told.map(({ kind }) => (kind?.$case === "event" ? kind.value.seq : kind?.$case)),
        ["run", 1, 2],
      );
      const seen = await olga.read(olga.client.watchDispatches({ batch }));
      assert.deepEqual(
        [seen.at(-1)?.dispatch?.state, seen.at(-1)?.dispatch?.run?.run?.state],
        [DispatchState.ENDED, RunState.CANCELLED],
      );
    } finally {
      await machines.close();
    }
  });
});

const anyRun = { selector: "", job: "", schedule: "", states: [], since: undefined, limit: 0 };
