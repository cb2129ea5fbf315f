import assert from "node:assert/strict";
import { it } from "node:test";
import { answerDispatches, followDispatches, getDispatches } from "../../../../controller/store/dispatches.ts";
import { type DispatchRequest, DispatchState } from "../../../../proto/gen/luksmith/v1/controller.ts";
import { Work } from "../../../../proto/gen/luksmith/v1/fleet.ts";
import { RunState, Verb } from "../../../../proto/gen/luksmith/v1/types.ts";
import { eachStore } from "../harness/each-store.ts";
import { OpsScene } from "../harness/ops-scene.ts";

const backup = Work.create({ verb: Verb.BACKUP, job: "home" });

function order(change: Partial<DispatchRequest> = {}): DispatchRequest {
  return { selector: "env=prod", work: backup, expiresMs: 0, everyMachine: false, dryRun: false, ...change };
}

eachStore("asking machines for something now", (stores) => {
  const set = async () => {
    const scene = await OpsScene.start(await stores.open());
    await scene.machine("m1", { env: "prod" });
    await scene.machine("m2", { env: "prod" }, { allowed: ["status", "verify"] });
    await scene.machine("m3", { env: "prod" }, { state: "pending" });
    await scene.machine("m4", { env: "prod" }, { state: "revoked" });
    await scene.machine("m5", { env: "test" });
    return { scene, olga: await scene.operator("olga", "operator") };
  };

  it("is put down for those who can be asked, and said of the others why", async () => {
    const { scene, olga } = await set();
    await using _ = scene;
    const { batch, dispatches, skipped } = await olga.unary.dispatch(order());
    assert.match(batch, /^b-[0-9a-f]{10}$/);
    assert.deepEqual(
      dispatches.map(({ machine, state, createdBy, work }) => [machine, state, createdBy, work?.job]),
      [["m1-name", DispatchState.QUEUED, "olga", "home"]],
    );
    assert.deepEqual(
      skipped.map(({ machine, reason }) => [machine, reason]),
      [
        ["m2-name", "its configuration does not allow backup (controller.allow)"],
        ["m4-name", "it is revoked"],
        ["m3", "it waits to be accepted: luksmith fleet accept"],
      ],
    );
    const lacking = await olga.unary.dispatch(order({ work: { ...backup, job: "db" } }));
    assert.deepEqual(lacking.dispatches, []);
    assert.equal(lacking.skipped[0]?.reason, "it has no job db");
    const listed = await olga.unary.listDispatches({ batch, selector: "", limit: 0 });
    assert.equal(listed.dispatches.length, 1);
  });

  it("is put down nowhere in a dry run", async () => {
    const { scene, olga } = await set();
    await using _ = scene;
    const { batch, dispatches } = await olga.unary.dispatch(order({ dryRun: true }));
    assert.deepEqual([batch, dispatches.length], ["", 1]);
    assert.deepEqual((await olga.unary.listDispatches({ batch: "", selector: "", limit: 0 })).dispatches, []);
  });

  it("of every machine has to be meant", async () => {
    const { scene, olga } = await set();
    await using _ = scene;
    for (const selector of ["all", "name!=x"]) {
      await assert.rejects(olga.unary.dispatch(order({ selector })), { code: "usage", hint: /--all-machines/ });
    }
    const { dispatches } = await olga.unary.dispatch(order({ selector: "all", everyMachine: true }));
    assert.equal(dispatches.length, 2);
    const sam = await scene.operator("sam", "operator", "env=test");
    await assert.rejects(sam.unary.dispatch(order({ selector: "all" })), {
      message: '"all" is every machine: 1 machine',
    });
  });

  const nonsense: [string, Partial<DispatchRequest>, RegExp][] = [
    ["no work", { work: undefined }, /cannot be asked of machines/],
    ["a restore", { work: { ...backup, verb: Verb.RESTORE } }, /cannot be asked/],
    ["a number for a verb", { work: { ...backup, verb: 99 as Verb } }, /cannot be asked/],
    ["every job", { work: { ...backup, job: "*" } }, /"\*" cannot be the name of a job/],
    ["a path for a job", { work: { ...backup, job: "../x" } }, /cannot be the name of a job/],
    ["a job and a volume", { work: { ...backup, volume: "v" } }, /is about a job alone/],
    ["a level for a backup", { work: { ...backup, level: "full" } }, /no level of backup/],
    ["a deadline of seconds", { work: { ...backup, deadlineMs: 9999 } }, /shorter than 10 seconds/],
    ["a deadline of years", { work: { ...backup, deadlineMs: 1e12 } }, /deadline/],
    ["endless tries", { work: { ...backup, retry: { attempts: 1e9, waitMs: 0, longestWaitMs: 0 } } }, /no run tries/],
    ["waiting for years", { expiresMs: 1e12 }, /31 days/],
    ["no selector", { selector: "" }, /is empty/],
    ["half a selector", { selector: "env" }, /says no value/],
  ];
  it("is refused when it makes no sense", async () => {
    const { scene, olga } = await set();
    await using _ = scene;
    for (const [what, change, message] of nonsense) {
      await assert.rejects(olga.unary.dispatch(order(change)), { code: "usage", message }, what);
    }
    await assert.rejects(olga.unary.dispatch(order({ selector: "env=none" })), { code: "not_found" });
  });

  it("of machines outside of the scope is as of machines that are not there", async () => {
    const { scene, olga } = await set();
    await using _ = scene;
    const sam = await scene.operator("sam", "operator", "env=test");
    await assert.rejects(sam.unary.dispatch(order()), { code: "not_found", message: 'no machine fits "env=prod"' });
    const { batch } = await olga.unary.dispatch(order());
    await assert.rejects(sam.unary.listDispatches({ batch, selector: "", limit: 0 }), { code: "not_found" });
    const none = await olga.unary.listDispatches({ batch, selector: "name=nobody", limit: 0 });
    assert.deepEqual(none.dispatches, []);
    await assert.rejects(sam.read(sam.client.watchDispatches({ batch })), { code: "not_found" });
    await assert.rejects(sam.unary.cancelFleetRun({ run: batch }), { code: "usage" });
    assert.equal(
      (await olga.unary.listDispatches({ batch, selector: "", limit: 0 })).dispatches[0]?.state,
      DispatchState.QUEUED,
    );
  });

  it("is watched until all of it is over", async () => {
    const { scene, olga } = await set();
    await using _ = scene;
    const { batch, dispatches } = await olga.unary.dispatch(order());
    const dispatchId = dispatches[0]?.id ?? "";
    const begun = Promise.withResolvers<void>();
    const seen = Promise.withResolvers<void>();
    const watching = olga.read(olga.client.watchDispatches({ batch }), (responses) => {
      begun.resolve();
      if (responses.at(-1)?.dispatch?.state === DispatchState.RUNNING) seen.resolve();
      return false;
    });
    await begun.promise;
    await scene.run("m1", "0123456789");
    const { store } = scene;
    await store.transaction(async (transaction) => {
      await answerDispatches(
        transaction,
        [{ machineId: "m1", dispatchId, runId: "0123456789", error: undefined }],
        Date.now(),
      );
    });
    store.notices.tell("dispatch", batch);
    await seen.promise;
    await scene.run("m1", "0123456789", { state: RunState.DONE, finishedAt: new Date() });
    await store.transaction(async (transaction) => {
      const followed = [{ machineId: "m1", dispatchId, runId: "0123456789", isOver: true }];
      await followDispatches(transaction, followed, Date.now());
    });
    store.notices.tell("dispatch", batch);
    const responses = await watching;
    assert.deepEqual(
      responses.map(({ dispatch }) => [dispatch?.state, dispatch?.run?.run?.state]),
      [
        [DispatchState.QUEUED, undefined],
        [DispatchState.RUNNING, RunState.RUNNING],
        [DispatchState.ENDED, RunState.DONE],
      ],
    );
  });

  it("can be taken back, by its batch or one by one", async () => {
    const { scene, olga } = await set();
    await using _ = scene;
    const first = await olga.unary.dispatch(order());
    const { dispatches } = await olga.unary.cancelFleetRun({ run: first.batch });
    assert.deepEqual(
      dispatches.map(({ state }) => state),
      [DispatchState.CANCELLED],
    );
    const second = await olga.unary.dispatch(order());
    const dispatchId = second.dispatches[0]?.id ?? "";
    const single = await olga.unary.cancelFleetRun({ run: dispatchId });
    assert.equal(single.dispatches[0]?.state, DispatchState.CANCELLED);
    const [stored] = await getDispatches(scene.store.database, [dispatchId]);
    assert.equal(stored?.cancelledBy, "olga");
  });
});
