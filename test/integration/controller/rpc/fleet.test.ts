import assert from "node:assert/strict";
import { it } from "node:test";
import { addDispatches } from "../../../../controller/store/dispatches.ts";
import { advanceJobs } from "../../../../controller/store/job-states.ts";
import type { Database } from "../../../../controller/store/schema.ts";
import { Work } from "../../../../proto/gen/luksmith/v1/fleet.ts";
import { Run, RunState, Verb } from "../../../../proto/gen/luksmith/v1/types.ts";
import { eachStore } from "../harness/each-store.ts";
import { OpsScene } from "../harness/ops-scene.ts";
import { until } from "../harness/test-agent.ts";

async function alert(database: Database, id: string, machineId: string, state: "pending" | "firing" | "resolved") {
  await database
    .insertInto("alerts")
    .values({
      ...{ id, subject: id, kind: "overdue", machine_id: machineId, job: "home", state, since_ms: 1, seen_ms: 1 },
      ...{ fired_ms: 2, clear_ms: null, resolved_ms: state === "resolved" ? Date.now() : null, flaps: 0 },
      ...{ message: `${machineId}-name: home is overdue`, notified: 1, notified_ms: 2 },
    })
    .execute();
}

eachStore("the fleet for operators", (stores) => {
  const set = async () => {
    const scene = await OpsScene.start(await stores.open());
    const { database } = scene.store;
    await scene.machine("prod1", { env: "prod" });
    await scene.machine("prod2", { env: "prod" }, { state: "pending" });
    await scene.machine("test1", { env: "test" });
    await scene.machine("gone1", { env: "test" }, { state: "revoked" });
    await database.updateTable("machines").set({ controller_id: "c1" }).where("id", "in", ["prod1", "test1"]).execute();
    for (const [machineId, runId] of [
      ["prod1", "0000000001"],
      ["test1", "0000000002"],
    ] as const) {
      await scene.run(machineId, runId);
      const failed = Run.create({
        ...{ id: `${runId.slice(0, 9)}9`, verb: Verb.BACKUP, job: "home", state: RunState.FAILED },
        startedAt: new Date(1000),
      });
      await scene.run(machineId, failed.id, failed);
      await scene.store.transaction((transaction) =>
        advanceJobs(transaction, [{ machineId, report: { run: failed, cause: undefined } }], Date.now()),
      );
      await alert(database, `a-${machineId}`, machineId, "firing");
      await alert(database, `r-${machineId}`, machineId, "resolved");
      await addDispatches(database, [
        {
          id: `d-${machineId}`,
          batch: "b-1",
          machineId,
          work: Work.create(),
          createdMs: 1,
          createdBy: "olga",
          expiresMs: 2 ** 50,
        },
      ]);
    }
    return scene;
  };

  it("is counted as far as the operator sees it", async () => {
    await using scene = await set();
    const counts = async (calls: Awaited<ReturnType<typeof scene.operator>>) => {
      const { machines, connected, pending, running, queued, overdue, alerts } = await calls.unary.getFleet({});
      return [machines, connected, pending, running, queued, overdue, alerts];
    };
    assert.deepEqual(await counts(await scene.operator("vera", "viewer")), [3, 2, 1, 2, 2, 2, 2]);
    assert.deepEqual(await counts(await scene.operator("sam", "viewer", "env=test")), [1, 1, 0, 1, 1, 1, 1]);
    assert.deepEqual(await counts(await scene.operator("nil", "viewer", "env=none")), [0, 0, 0, 0, 0, 0, 0]);
  });

  it("is watched: what runs with its progress, what waits, fails and is overdue", async () => {
    await using scene = await set();
    scene.lines.running.push({
      machineId: "test1",
      running: [
        {
          runId: "0000000002",
          progress: {
            ...{ step: "copy", bytesDone: 5, bytesTotal: 10, filesDone: 0, filesTotal: 0 },
            ...{ bytesPerSecond: 0, remainingMs: 0 },
          },
        },
      ],
    });
    const vera = await scene.operator("vera", "viewer");
    const [view, second] = await vera.read(
      vera.client.watchFleet({ selector: "env=test" }),
      ({ length }) => length === 2,
    );
    assert.equal(view?.fleet?.machines, 1);
    assert.deepEqual(
      view?.running.map(({ machine, run, progress }) => [machine, run?.id, progress?.bytesDone]),
      [["test1-name", "0000000002", 5]],
    );
    assert.deepEqual(
      view?.queued.map(({ machine, id }) => [machine, id]),
      [["test1-name", "d-test1"]],
    );
    assert.deepEqual(
      view?.failing.map(({ machine, run }) => [machine, run?.state]),
      [["test1-name", RunState.FAILED]],
    );
    assert.deepEqual(
      view?.overdue.map(({ machine, kind, job }) => [machine, kind, job]),
      [["test1-name", "overdue", "home"]],
    );
    assert.ok((second?.fleet?.time?.getTime() ?? 0) > (view?.fleet?.time?.getTime() ?? 0));
  });

  it("is watched by one operator only so often at once", async () => {
    await using scene = await set();
    const vera = await scene.operator("vera", "viewer");
    const watches = Array.from({ length: 32 }, () => {
      const first = Promise.withResolvers<void>();
      const stream = vera.client.watchFleet({ selector: "" });
      stream.on("error", first.reject);
      stream.once("data", () => first.resolve());
      return { stream, first: first.promise };
    });
    await Promise.all(watches.map(({ first }) => first));
    await assert.rejects((await scene.another(vera)).unary.getFleet({}), { code: "locked", hint: /end one of them/ });
    for (const { stream } of watches) stream.cancel();
    await until(
      async () =>
        vera.unary.getFleet({}).then(
          () => true,
          () => false,
        ),
      () => "there is no room again",
    );
  });

  it("has alerts, those that are over only when asked for", async () => {
    await using scene = await set();
    const vera = await scene.operator("vera", "viewer");
    const ids = async (resolved: boolean) =>
      (await vera.unary.listAlerts({ selector: "env=prod", resolved })).alerts.map(({ id }) => id).toSorted();
    assert.deepEqual(await ids(false), ["a-prod1"]);
    assert.deepEqual(await ids(true), ["a-prod1", "r-prod1"]);
  });

  it("tells nothing of machines outside of a scope, whatever is asked", async () => {
    await using scene = await set();
    const admin = await scene.operator("root", "admin");
    const schedule = (name: string, env: string) =>
      `{ name: ${name}, selector: env=${env}, verb: backup, job: home, cron: '0 2 * * *', timezone: UTC }`;
    await admin.unary.applySchedules({
      text: `[${schedule("nightly-prod", "prod")}, ${schedule("nightly-test", "test")}]`,
      ...{ fileName: "f", dryRun: false, prune: false, basis: "", everyMachine: false },
    });
    const sam = await scene.operator("sam", "admin", "env=test");
    const told = [
      await sam.unary.getFleet({}),
      await sam.unary.listMachines({ selector: "", jobs: true }),
      await sam.unary.listSchedules({}),
      await sam.unary.listDispatches({ batch: "", selector: "", limit: 0 }),
      await sam.unary.listDispatches({ batch: "b-1", selector: "all", limit: 0 }),
      await sam.unary.listFleetRuns({
        ...{ selector: "", job: "", schedule: "", states: [], since: undefined, limit: 0 },
      }),
      await sam.unary.listAlerts({ selector: "", resolved: true }),
      await sam.read(sam.client.watchFleet({ selector: "" }), ({ length }) => length === 1),
      await sam.read(sam.client.watchDispatches({ batch: "b-1" }), ({ length }) => length === 1),
      await sam
        .read(sam.client.watchFleetRun({ run: "0", follow: false }))
        .catch(({ message, hint }) => [message, hint]),
    ];
    const text = JSON.stringify(told);
    assert.match(text, /test1/);
    assert.doesNotMatch(text, /prod/);
  });
});
