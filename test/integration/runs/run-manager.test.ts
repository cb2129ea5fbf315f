import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { RunContext, RunWork } from "../../../agent/runs/context.ts";
import { LuksmithError } from "../../../common/errors.ts";
import { UndoStack } from "../../../common/undo.ts";
import { Item_Action, Progress, RunState } from "../../../proto/gen/luksmith/v1/types.ts";
import { AgentLife, alice, backupOfHome, collect, stateDirectory, word } from "./agent-life.ts";

const { signal } = new AbortController();
const done = { state: "done", summary: "all of it" } as const;

function agent(context: TestContext): AgentLife {
  const life = new AgentLife(stateDirectory(context));
  context.after(() => life.end());
  return life;
}

/** Work that goes on until it is aborted, and then throws the reason. */
const untilAborted: RunWork = (context) =>
  new Promise((_, reject) => context.signal.addEventListener("abort", () => reject(context.signal.reason)));

function progress(step: string, bytesDone: number): Progress {
  return Progress.create({ step, bytesDone });
}

test("a run is on record from the start of its work to its result", async (t) => {
  const { runs, clock } = agent(t);
  let began = false;
  const started = runs.start({ ...backupOfHome, dryRun: true }, async (context) => {
    began = true;
    assert.deepEqual(context.caller, alice);
    await context.step("connect", async () => clock.advance(1200));
    return { state: "done", summary: "3 files", snapshot: "2026-11-23T02-00-00Z", totals: { files: 3, bytes: 7 } };
  });
  assert.equal(began, false, "the caller knows of the run before it does anything");
  assert.equal(started.state, RunState.RUNNING);
  assert.deepEqual(runs.running(), [started]);
  assert.deepEqual(runs.heldBy("home"), started);

  const ended = await runs.wait(started.id);
  assert.deepEqual(ended, {
    ...started,
    state: RunState.DONE,
    finishedAt: new Date("2026-11-23T02:00:01.200Z"),
    summary: "3 files",
    snapshot: "2026-11-23T02-00-00Z",
    totals: {
      files: 3,
      bytes: 7,
      filesCopied: 0,
      bytesCopied: 0,
      filesEqual: 0,
      filesDiffering: 0,
      filesChangedSince: 0,
      warnings: 0,
      copyMs: 0,
      projectedMs: 0,
    },
  });
  assert.deepEqual(runs.get(started.id), ended);
  assert.equal(runs.heldBy("home"), undefined);
  const events = await collect(runs.watch(started.id, true, signal));
  assert.deepEqual(events.map(word), ["started", "+connect", "-connect", "ended"]);
  assert.deepEqual(events[2]?.kind, {
    $case: "stepEnded",
    value: { step: "connect", durationMs: 1200, error: undefined },
  });
  assert.deepEqual(events[3]?.kind, { $case: "ended", value: { run: ended } });
});

test("a failed step carries its error and throws it on", async (t) => {
  const { runs, logged } = agent(t);
  const failure = new LuksmithError("wrong_key", "no key slot opens", { hint: "check the key file", cause: "secret" });
  const { id } = runs.start(backupOfHome, async (context: RunContext) => {
    await context.step("open", () => Promise.reject(failure));
    return done;
  });
  const run = await runs.wait(id);
  const detail = { code: "wrong_key", message: "no key slot opens", hint: "check the key file" };
  assert.equal(run.state, RunState.FAILED);
  assert.deepEqual(run.error, detail);
  const [, , ended] = await collect(runs.watch(id, false, signal));
  assert.deepEqual(ended?.kind, { $case: "stepEnded", value: { step: "open", durationMs: 0, error: detail } });
  assert.ok(logged.some(({ msg }) => msg === "the run's work threw"));
});

test("a step is open once at a time, and again when it is over", async (t) => {
  const { runs } = agent(t);
  const { id } = runs.start(backupOfHome, async (context) => {
    await context.step("copy", async () => undefined);
    await context.step("copy", async () => {
      await assert.rejects(context.step("copy", async () => undefined));
    });
    return done;
  });
  assert.equal((await runs.wait(id)).state, RunState.DONE);
});

test("work that throws at once, before its first await, fails the run and not the caller", async (t) => {
  const { runs } = agent(t);
  const { id } = runs.start(backupOfHome, () => {
    throw new TypeError("a fault of ours");
  });
  const run = await runs.wait(id);
  assert.deepEqual([run.state, run.error?.code], [RunState.FAILED, "internal"]);
  assert.ok(!JSON.stringify(run).includes("a fault of ours"), "the cause is for the log");
});

test("a second run on the volume is refused with who has it; other volumes are free", async (t) => {
  const { runs } = agent(t);
  const first = runs.start(backupOfHome, untilAborted);
  assert.throws(
    () => runs.start({ ...backupOfHome, caller: { uid: 0, name: "root" } }, untilAborted),
    (error) =>
      error instanceof LuksmithError &&
      error.code === "locked" &&
      error.message === `volume home is in use: backup by alice since 2026-11-23T02:00:00Z (run ${first.id})` &&
      error.hint === `luksmith log ${first.id} --follow`,
  );
  const other = runs.start({ ...backupOfHome, volume: "srv" }, untilAborted);
  assert.deepEqual(
    runs.running().map(({ id }) => id),
    [first.id, other.id],
  );
  runs.cancel(first.id, alice);
  await runs.wait(first.id);
  const again = runs.start(backupOfHome, async () => done);
  assert.equal((await runs.wait(again.id)).state, RunState.DONE);
});

test("who has seen a run end finds its volume free", async (t) => {
  const { runs } = agent(t);
  const { id } = runs.start(backupOfHome, async () => done);
  for await (const event of runs.watch(id, true, signal)) {
    if (event.kind?.$case === "ended") assert.equal(runs.heldBy("home"), undefined);
  }
  runs.start(backupOfHome, async () => done);
});

test("cancel asks, and the run is cancelled when it has unwound", async (t) => {
  const { runs } = agent(t);
  const unwinding = Promise.withResolvers<void>();
  let undone = false;
  const { id } = runs.start(backupOfHome, async (context) => {
    await using undo = new UndoStack();
    undo.add("unmount", async () => {
      await unwinding.promise;
      undone = true;
    });
    return await untilAborted(context);
  });
  await Promise.resolve();
  const asked = runs.cancel(id.slice(0, 9), alice);
  assert.equal(asked.state, RunState.RUNNING, "it holds the volume until it has put everything away");
  runs.cancel(id, { uid: 0, name: "root" });
  unwinding.resolve();
  const run = await runs.wait(id);
  assert.equal(undone, true);
  assert.deepEqual(
    [run.state, run.error],
    [RunState.CANCELLED, { code: "cancelled", message: "cancelled by alice", hint: "" }],
  );
  const said = ["started", "cancelled by alice", "not waiting for anything any more", "ended"];
  assert.deepEqual((await collect(runs.watch(id, true, signal))).map(word), said);
  assert.deepEqual(runs.cancel(id, alice), run, "a run that is over is returned as it is");
});

test("a run that is cancelled before its work began does not begin it", async (t) => {
  const { runs } = agent(t);
  const { id } = runs.start(backupOfHome, async () => assert.fail("it began"));
  runs.cancel(id, alice);
  assert.equal((await runs.wait(id)).state, RunState.CANCELLED);
});

test("a release that failed after a cancel is not hidden by it", async (t) => {
  const { runs } = agent(t);
  const { id } = runs.start(backupOfHome, async (context) => {
    await using undo = new UndoStack();
    undo.add("unmount", () => Promise.reject(new Error("target is busy")));
    return await untilAborted(context);
  });
  await Promise.resolve();
  runs.cancel(id, alice);
  const run = await runs.wait(id);
  assert.equal(run.state, RunState.FAILED);
  assert.match(
    run.error?.message ?? "",
    /cancelled by alice; then: could not undo everything: unmount: target is busy/,
  );
});

test("work that was finished all the same is done, cancelled or not", async (t) => {
  const { runs } = agent(t);
  const { id } = runs.start(backupOfHome, async (context) => {
    await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
    return done;
  });
  await Promise.resolve();
  runs.cancel(id, alice);
  assert.equal((await runs.wait(id)).state, RunState.DONE);
});

test("files that could not be read make it incomplete, with their count", async (t) => {
  const { runs } = agent(t);
  const path = Buffer.from([0x66, 0xff, 0x0a]);
  const { id } = runs.start(backupOfHome, async ({ warn }) => {
    warn("permission denied", path);
    path[0] = 0x67;
    warn("the clock of the backup host is wrong");
    return { state: "incomplete", summary: "1 of 2 files" };
  });
  const run = await runs.wait(id);
  assert.deepEqual(
    [run.state, run.error?.code, run.error?.message],
    [RunState.INCOMPLETE, "incomplete", "1 file could not be read"],
  );
  assert.equal(run.totals?.warnings, 2);
  const [, warning] = await collect(runs.watch(id, false, signal));
  assert.deepEqual(warning?.kind, {
    $case: "warning",
    value: { message: "permission denied", path: Buffer.from([0x66, 0xff, 0x0a]) },
  });
});

test("ten thousand items and warnings are kept, the rest counted, and that is said once", async (t) => {
  const { runs } = agent(t);
  const { id } = runs.start(backupOfHome, async (context) => {
    for (let n = 0; n < 10_050; n += 1) {
      context.item({ action: Item_Action.ADD, path: Buffer.from(`f${n}`), size: n });
      context.warn("could not be read", Buffer.from(`f${n}`));
    }
    return done;
  });
  const run = await runs.wait(id);
  const events = await collect(runs.watch(id, false, signal));
  const count = (kind: string) => events.filter((event) => event.kind?.$case === kind).length;
  assert.deepEqual([count("item"), count("warning"), count("note")], [10_000, 10_000, 2]);
  assert.equal(run.totals?.warnings, 10_050);
  assert.deepEqual(
    events.map(({ seq }) => seq),
    events.map((_, n) => n + 1),
  );
});

test("of much progress one in five seconds is kept, and the last before its step ends", async (t) => {
  const { runs, clock } = agent(t);
  const { id } = runs.start(backupOfHome, async (context) => {
    await context.step("copy", async () => {
      for (let n = 0; n <= 120; n += 1) {
        if (n > 0) clock.advance(100);
        context.progress(progress("copy", n));
      }
    });
    await context.step("finish", async () => undefined);
    return done;
  });
  await runs.wait(id);
  const words = (await collect(runs.watch(id, false, signal))).map(word);
  assert.deepEqual(words, [
    "started",
    "+copy",
    "0 B",
    "50 B",
    "100 B",
    "120 B",
    "-copy",
    "+finish",
    "-finish",
    "ended",
  ]);
});

test("two steps at once each keep their own last progress", async (t) => {
  const { runs } = agent(t);
  const { id } = runs.start(backupOfHome, async (context) => {
    const open = Promise.withResolvers<void>();
    const a = context.step("a", () => open.promise);
    const b = context.step("b", () => open.promise);
    for (const n of [1, 2, 3]) {
      context.progress(progress("a", n));
      context.progress(progress("b", n * 10));
    }
    open.resolve();
    await Promise.all([a, b]);
    return done;
  });
  await runs.wait(id);
  const words = (await collect(runs.watch(id, false, signal))).map(word);
  assert.deepEqual(words, ["started", "+a", "+b", "1 B", "3 B", "-a", "30 B", "-b", "ended"]);
});

test("figures that protobuf cannot hold do not end a backup", async (t) => {
  const { runs } = agent(t);
  const { id } = runs.start(backupOfHome, async (context) => {
    context.progress({
      ...progress("copy", 1.5),
      bytesTotal: -1,
      remainingMs: Number.POSITIVE_INFINITY,
      filesDone: Number.NaN,
    });
    context.item({ action: Item_Action.ADD, path: Buffer.from("f"), size: -1 });
    return { ...done, totals: { bytes: 0.5 } };
  });
  assert.equal((await runs.wait(id)).state, RunState.DONE);
});

test("what comes after a run's end is dropped", async (t) => {
  const { runs } = agent(t);
  let late: RunContext | undefined;
  const { id } = runs.start(backupOfHome, async (context) => {
    late = context;
    return done;
  });
  const run = await runs.wait(id);
  late?.note("late");
  late?.warn("late");
  late?.progress(progress("late", 1));
  await late?.step("late", async () => undefined);
  assert.deepEqual((await collect(runs.watch(id, true, signal))).map(word), ["started", "ended"]);
  assert.deepEqual(runs.get(id), run);
});

test("a run is named by its id, its beginning, or last", async (t) => {
  const { runs, clock } = agent(t);
  const named = (code: string) => (error: unknown) => error instanceof LuksmithError && error.code === code;
  assert.throws(() => runs.get("last"), named("not_found"));
  const ids: string[] = [];
  for (const ms of [0, 3_600_000, 86_400_000]) {
    clock.advance(ms);
    const { id } = runs.start(backupOfHome, async () => done);
    ids.push(id);
    await runs.wait(id);
  }
  clock.advance(1000);
  const active = runs.start(backupOfHome, untilAborted);
  assert.equal(runs.get("last").id, active.id);
  assert.equal(runs.get(ids[1] ?? "").id, ids[1]);
  assert.equal(runs.get((ids[2] ?? "").slice(0, 9).toUpperCase()).id, ids[2]);
  assert.equal(runs.get(active.id.slice(0, 9)).id, active.id);
  assert.throws(() => runs.get(active.id.slice(0, 3)), named("usage"));
  assert.throws(() => runs.get("zzzzzzzzzz"), named("not_found"));
  assert.throws(() => runs.get("../etc"), named("usage"));
  assert.throws(() => runs.watch("zzzzzzzzzz", true, signal), named("not_found"));
  assert.throws(() => runs.cancel("zzzzzzzzzz", alice), named("not_found"));
  assert.deepEqual(
    runs.list().map(({ id }) => id),
    [active.id, ...ids.toReversed()],
  );
  assert.deepEqual(
    runs.list({ limit: 2 }).map(({ id }) => id),
    [active.id, ids[2]],
  );
  assert.deepEqual(runs.list({ states: [RunState.RUNNING] }), [active]);
  assert.deepEqual(runs.list({ volumes: ["srv"] }), []);
});

test("close cancels what is under way, waits until it has unwound, leaves no timer, and takes nothing new", async (t) => {
  const life = new AgentLife(stateDirectory(t));
  const { runs, clock, store } = life;
  const unwinding = Promise.withResolvers<void>();
  const undone: string[] = [];
  for (const volume of ["home", "srv"]) {
    runs.start({ ...backupOfHome, volume }, async (context) => {
      await using undo = new UndoStack();
      undo.add("unmount", async () => {
        await unwinding.promise;
        undone.push(volume);
      });
      context.note("a timer to write this is running now");
      return await untilAborted(context);
    });
  }
  await Promise.resolve();
  assert.equal(clock.sleeping, 2);
  let closed = false;
  const closing = runs.close().then(() => {
    closed = true;
  });
  assert.throws(
    () => runs.start(backupOfHome, untilAborted),
    (error) => error instanceof LuksmithError && error.code === "unreachable",
  );
  await new Promise(setImmediate);
  assert.equal(closed, false);
  unwinding.resolve();
  await closing;
  assert.deepEqual(undone.toSorted(), ["home", "srv"]);
  assert.equal(clock.sleeping, 0);
  for (const run of store.list({})) {
    assert.deepEqual([run.state, run.error?.message], [RunState.CANCELLED, "the agent is stopping"]);
  }
  await runs.close();
  store.close();
});
