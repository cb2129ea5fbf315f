import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Query } from "../../../proto/gen/luksmith/v1/fleet.ts";
import { RunState, Verb } from "../../../proto/gen/luksmith/v1/types.ts";
import { enrol, FleetLife, stateDirectory } from "./fleet-life.ts";
import { ScriptedController, type Session, TestFleet, until } from "./scripted-controller.ts";

async function scene(context: TestContext, options: { controller?: string } = {}) {
  const fleet = await TestFleet.make();
  const controller = await ScriptedController.start(context, fleet);
  const stateDir = stateDirectory(context);
  await enrol(stateDir, fleet, [controller.address]);
  const life = await new FleetLife(stateDir, options).begin();
  context.after(() => life.end());
  return { controller, stateDir, life, session: await controller.session() };
}

function ask(session: Session, id: string, what: Query["what"]): void {
  session.say({ $case: "query", value: { id, operator: "alice", what } });
}

test("a run is followed live, with progress, and no longer once nobody waits for it", async (t) => {
  const { life, session } = await scene(t);
  const go = Promise.withResolvers<void>();
  const { id } = life.runs.start(
    { verb: Verb.BACKUP, volume: "home", job: "home", caller: { uid: 0, name: "root" } },
    async (run) => {
      run.note("begun");
      run.progress({
        step: "copy",
        bytesDone: 7,
        bytesTotal: 9,
        filesDone: 1,
        filesTotal: 2,
        bytesPerSecond: 3,
        remainingMs: 4,
      });
      await go.promise;
      return { state: "done", summary: "" };
    },
  );
  ask(session, "q1", { $case: "watch", value: { runId: id, follow: true } });
  ask(session, "q2", { $case: "watch", value: { runId: id, follow: true } });
  const of = (query: string) => session.all("reply").filter((reply) => reply.id === query);
  await until(
    () => of("q1").some(({ events }) => events.some(({ kind }) => kind?.$case === "progress")),
    () => "no progress",
  );
  session.say({ $case: "endQuery", value: { id: "q2" } });
  await session.until("reply", ({ id: query, last }) => query === "q2" && last);
  go.resolve();
  await session.until("reply", ({ id: query, last }) => query === "q1" && last);
  const kinds = (query: string) => of(query).flatMap(({ events }) => events.map(({ kind }) => kind?.$case));
  assert.ok(kinds("q1").includes("ended"));
  assert.ok(!kinds("q2").includes("ended"));
});

for (const [what, allow, query, code] of [
  ["a log", "[status]", { $case: "watch", value: { runId: "", follow: false } }, "denied"],
  ["snapshots", "[status]", { $case: "snapshots", value: { job: "home" } }, "denied"],
  [
    "files",
    "[status, snapshots]",
    { $case: "files", value: { job: "home", snapshot: "", path: Buffer.alloc(0), recursive: true } },
    "denied",
  ],
  ["a run that is not there", "[log]", { $case: "watch", value: { runId: "0000000000", follow: true } }, "not_found"],
  ["the newest run", "[log]", { $case: "watch", value: { runId: "last", follow: true } }, "not_found"],
  ["a job that is not there", "[snapshots]", { $case: "snapshots", value: { job: "hme" } }, "not_found"],
  ["a volume that was not created", "[snapshots]", { $case: "snapshots", value: { job: "home" } }, "not_found"],
  [
    "a path out of the snapshot",
    "[ls]",
    { $case: "files", value: { job: "home", snapshot: "", path: Buffer.from("../x"), recursive: true } },
    "usage",
  ],
  ["nothing", "[ls]", undefined, "usage"],
] as const) {
  test(`refused: ${what}`, async (t) => {
    const { life, session } = await scene(t, { controller: `{ allow: ${allow} }` });
    ask(session, "q1", query);
    const { error, last } = await session.until("reply");
    assert.deepEqual([error?.code, last], [code, true]);
    assert.deepEqual(life.runs.list(), []);
    assert.deepEqual(life.faults(), []);
  });
}

test("more queries than are answered at once are refused, and the others go on", async (t) => {
  const { life, session } = await scene(t);
  const { id } = life.runs.start(
    { verb: Verb.BACKUP, volume: "home", job: "home", caller: { uid: 0, name: "root" } },
    (run) => new Promise((_, reject) => run.signal.addEventListener("abort", () => reject(run.signal.reason))),
  );
  for (let n = 0; n < 20; n += 1) ask(session, `q${n}`, { $case: "watch", value: { runId: id, follow: true } });
  await until(
    () => session.all("reply").filter(({ error }) => error?.code === "locked").length === 4,
    () => "not refused",
  );
  life.runs.cancel(id, { uid: 0, name: "root" });
  await until(
    () => session.all("reply").filter(({ last, error }) => last && error === undefined).length === 16,
    () => "not ended",
  );
  assert.equal(life.runs.get(id).state, RunState.CANCELLED);
});
