import assert from "node:assert/strict";
import { it } from "node:test";
import { LuksmithError } from "../../../../common/errors.ts";
import { addEvents } from "../../../../controller/store/run-events.ts";
import type { ListFleetRunsRequest } from "../../../../proto/gen/luksmith/v1/controller.ts";
import { Reply } from "../../../../proto/gen/luksmith/v1/fleet.ts";
import { RunEvent, RunState, Verb } from "../../../../proto/gen/luksmith/v1/types.ts";
import { eachStore } from "../harness/each-store.ts";
import { OpsScene } from "../harness/ops-scene.ts";

const runId = "0123456789";
const other = "0123456abc";

function note(seq: number): RunEvent {
  return RunEvent.create({ seq, kind: { $case: "note", value: { message: `n${seq}` } } });
}

function ended(seq: number): RunEvent {
  return RunEvent.create({ seq, kind: { $case: "ended", value: { run: undefined } } });
}

const anything: ListFleetRunsRequest = { selector: "", job: "", schedule: "", states: [], since: undefined, limit: 0 };

eachStore("runs for operators", (stores) => {
  const set = async () => {
    const scene = await OpsScene.start(await stores.open());
    await scene.machine("m1", { env: "prod" });
    await scene.machine("m2", { env: "test" });
    await scene.run("m1", runId);
    await scene.run(
      "m2",
      other,
      { state: RunState.FAILED, job: "db", verb: Verb.VERIFY },
      {
        ...{ dispatchId: "", schedule: "weekly", occurrence: new Date(0) },
      },
    );
    const store = (machineId: string, events: RunEvent[]) =>
      scene.store.transaction((transaction) =>
        addEvents(
          transaction,
          events.map((event) => ({ machineId, runId, seq: event.seq, event: RunEvent.encode(event).finish() })),
        ),
      );
    return { scene, store, olga: await scene.operator("olga", "operator") };
  };

  it("are listed by what they are, and by scope", async () => {
    const { scene, olga } = await set();
    await using _ = scene;
    const sam = await scene.operator("sam", "viewer", "env=test");
    const list = async (calls: typeof olga, filter: Partial<ListFleetRunsRequest>) =>
      (await calls.unary.listFleetRuns({ ...anything, ...filter })).runs.map(({ machine }) => machine);
    assert.deepEqual((await list(olga, {})).toSorted(), ["m1-name", "m2-name"]);
    assert.deepEqual(await list(olga, { selector: "env=test" }), ["m2-name"]);
    assert.deepEqual(await list(olga, { job: "home" }), ["m1-name"]);
    assert.deepEqual(await list(olga, { schedule: "weekly" }), ["m2-name"]);
    assert.deepEqual(await list(olga, { states: [RunState.RUNNING] }), ["m1-name"]);
    assert.deepEqual(await list(olga, { since: new Date("2027-01-01T00:00:00Z") }), []);
    assert.deepEqual(await list(sam, {}), ["m2-name"]);
    assert.deepEqual(await list(sam, { selector: "env=prod" }), []);
  });

  it("are named by their beginning, their machine, or as its last", async () => {
    const { scene, olga } = await set();
    await using _ = scene;
    const sam = await scene.operator("sam", "viewer", "env=test");
    const find = async (calls: typeof olga, run: string) => {
      const [first] = await calls.read(calls.client.watchFleetRun({ run, follow: false }));
      return first?.kind?.$case === "run" ? first.kind.value.run?.id : undefined;
    };
    assert.equal(await find(olga, "m1-name/last"), runId);
    assert.equal(await find(olga, "M1-name/last").catch(({ code }) => code), "not_found");
    assert.equal(await find(olga, "m1/0123"), runId);
    assert.equal(await find(olga, "O123456789"), runId);
    await assert.rejects(find(olga, "0123456"), {
      code: "usage",
      hint: new RegExp(`m1-name/${runId}`),
    });
    await assert.rejects(find(olga, "zzz"), { code: "not_found" });
    assert.equal(await find(sam, "0123456"), other);
    await assert.rejects(find(sam, runId), { code: "not_found" });
    await assert.rejects(find(sam, "m1-name/last"), { code: "not_found", message: 'there is no machine "m1-name"' });
    for (const run of ["", "last", "/", "a/b/c", "m1/%", "ü"]) {
      await assert.rejects(find(olga, run), { code: "usage" }, run);
    }
  });

  it("are shown from the store, and then from the machine, no event twice", async () => {
    const { scene, store, olga } = await set();
    await using _ = scene;
    await store("m1", [note(1), note(2)]);
    scene.lines.answers.set("m1", async function* (what) {
      assert.deepEqual(what, { $case: "watch", value: { runId, follow: true } });
      yield Reply.create({ events: [note(1), note(2), note(3)] });
      yield Reply.create({ events: [RunEvent.create({ kind: { $case: "progress", value: undefined as never } })] });
      yield Reply.create({ events: [ended(4)], last: true });
    });
    const responses = await olga.read(olga.client.watchFleetRun({ run: runId, follow: true }));
    const seqs = responses.slice(1).map(({ kind }) => (kind?.$case === "event" ? kind.value.seq : -1));
    assert.deepEqual(seqs, [1, 2, 3, 0, 4]);
    const still = await olga.read(olga.client.watchFleetRun({ run: runId, follow: false }));
    assert.equal(still.length, 3);
  });

  it("are followed by the store while their machine is away, to their end", async () => {
    const { scene, store, olga } = await set();
    await using _ = scene;
    await store("m1", [note(1)]);
    const first = Promise.withResolvers<void>();
    const watching = olga.read(olga.client.watchFleetRun({ run: runId, follow: true }), (responses) => {
      if (responses.length === 2) first.resolve();
      return false;
    });
    await first.promise;
    await store("m1", [note(2), ended(3)]);
    assert.equal((await watching).length, 4);
  });

  it("whose machine refuses say so", async () => {
    const { scene, olga } = await set();
    await using _ = scene;
    // biome-ignore lint/correctness/useYield: it has nothing to say
    scene.lines.answers.set("m1", async function* () {
      throw new LuksmithError("denied", "this machine does not allow log");
    });
    await assert.rejects(olga.read(olga.client.watchFleetRun({ run: runId, follow: true })), { code: "denied" });
  });

  it("are cancelled while they run, where the machine allows it", async () => {
    const { scene, olga } = await set();
    await using _ = scene;
    await assert.rejects(olga.unary.cancelFleetRun({ run: "m1-name/last" }), { code: "unreachable" });
    scene.lines.answers.set("m1", async function* () {});
    const { runs } = await olga.unary.cancelFleetRun({ run: "m1-name/last" });
    assert.equal(runs[0]?.run?.id, runId);
    assert.deepEqual(scene.lines.cancelled, [{ machineId: "m1", order: { runId, dispatchId: "", operator: "olga" } }]);
    await assert.rejects(olga.unary.cancelFleetRun({ run: other }), { code: "usage", message: /has ended already/ });
    const vera = await scene.operator("vera", "viewer");
    await assert.rejects(vera.unary.cancelFleetRun({ run: runId }), { code: "denied" });
    await scene.machine("m3", {}, { allowed: ["status"] });
    await scene.run("m3", "9999999999");
    await assert.rejects(olga.unary.cancelFleetRun({ run: "m3/last" }), { code: "denied", hint: /controller\.allow/ });
  });

  it("list snapshots and files live, where the machine allows it", async () => {
    const { scene, olga } = await set();
    await using _ = scene;
    scene.lines.answers.set("m1", async function* (what) {
      if (what?.$case === "snapshots") yield Reply.create({ snapshots: [{ name: "s1" }, { name: "s2" }], last: true });
      else yield Reply.create({ files: [{ path: Buffer.from("a\n\xff", "latin1") }], last: true });
    });
    const snapshots = await olga.read(olga.client.listFleetSnapshots({ machine: "m1-name", job: "home" }));
    assert.deepEqual(
      snapshots.map(({ snapshot }) => snapshot?.name),
      ["s1", "s2"],
    );
    const files = { job: "home", snapshot: "", path: Buffer.alloc(0), recursive: false };
    const entries = await olga.read(olga.client.listFleetFiles({ machine: "m1-name", ...files }));
    assert.deepEqual(entries[0]?.entry?.path, Buffer.from("a\n\xff", "latin1"));
    await assert.rejects(olga.read(olga.client.listFleetFiles({ machine: "m2-name", ...files })), {
      code: "unreachable",
    });
    await scene.machine("m3", {}, { allowed: ["status"] });
    await assert.rejects(olga.read(olga.client.listFleetFiles({ machine: "m3", ...files })), { code: "denied" });
    const vera = await scene.operator("vera", "viewer");
    await assert.rejects(vera.read(vera.client.listFleetFiles({ machine: "m1", ...files })), { code: "denied" });
  });
});
