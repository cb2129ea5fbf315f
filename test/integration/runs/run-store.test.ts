import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { nextRunId } from "../../../agent/runs/run-id.ts";
import type { RunStore } from "../../../agent/runs/run-store.ts";
import { Run, RunEvent, RunState, RunTotals, Verb } from "../../../proto/gen/luksmith/v1/types.ts";
import { AgentLife, stateDirectory } from "./agent-life.ts";

const dayMs = 24 * 3_600_000;
const today = new Date("2026-11-23T12:00:00Z");

function store(context: TestContext): RunStore {
  const life = new AgentLife(stateDirectory(context));
  context.after(() => life.end());
  return life.store;
}

/** Runs in the order of their start, ids as the manager makes them. */
function series(count: number, run: (n: number) => Partial<Run> & { startedAt: Date }): Run[] {
  const runs: Run[] = [];
  for (let n = 0; n < count; n += 1) {
    const partial = run(n);
    const id = nextRunId(runs.at(-1)?.id, partial.startedAt, 0);
    runs.push({
      ...Run.create({
        verb: Verb.LIST_FILES,
        volume: "home",
        job: "home",
        state: RunState.DONE,
        finishedAt: partial.startedAt,
        totals: {},
      }),
      caller: { uid: 0, name: "root" },
      ...partial,
      id,
    });
  }
  return runs;
}

function saveAll(into: RunStore, runs: readonly Run[], eventBytes = 0): void {
  for (const run of runs) {
    const event = RunEvent.create({ seq: 1, kind: { $case: "note", value: { message: "x".repeat(eventBytes) } } });
    assert.ok(into.save(run.id, run, [{ seq: 1, bytes: RunEvent.encode(event).finish() }]));
  }
}

function ids(into: RunStore): string[] {
  return into
    .list({ limit: 100_000 })
    .map(({ id }) => id)
    .toReversed();
}

test("a run comes back as it was saved, in every state", (t) => {
  const history = store(t);
  const states = [
    RunState.RUNNING,
    RunState.DONE,
    RunState.INCOMPLETE,
    RunState.SKIPPED,
    RunState.FAILED,
    RunState.CANCELLED,
    RunState.INTERRUPTED,
  ];
  const runs = series(states.length, (n) => {
    const state = states[n] ?? RunState.DONE;
    const over = state !== RunState.RUNNING;
    return {
      state,
      startedAt: new Date(today.getTime() + n * 1234),
      finishedAt: over ? new Date(today.getTime() + 9_999_999 + n) : undefined,
      error: over ? { code: "incomplete", message: "2 files\nwith ' and \" and ü", hint: "" } : undefined,
      totals: over ? { ...RunTotals.create(), files: 2 ** 52, warnings: 3 } : undefined,
      summary: "3,012 files",
      snapshot: "2026-11-23T02-00-00Z",
      dryRun: n % 2 === 0,
      verb: Verb.VERIFY,
      caller: { uid: 4_294_967_294, name: "nobody" },
    };
  });
  saveAll(history, runs);
  for (const run of runs) assert.deepEqual(history.get(run.id), run);
  assert.deepEqual(history.list({}), runs.toReversed());
});

test("an event comes back byte for byte, with a name that is no UTF-8", (t) => {
  const history = store(t);
  const [run] = series(1, () => ({ startedAt: today }));
  assert.ok(run);
  const every = Buffer.from(Array.from({ length: 255 }, (_, n) => n + 1));
  const event: RunEvent = {
    seq: 1,
    time: new Date(today.getTime() + 7),
    kind: { $case: "warning", value: { message: "m", path: every } },
  };
  history.save(run.id, run, [{ seq: 1, bytes: RunEvent.encode(event).finish() }]);
  assert.deepEqual(history.eventsAfter(run.id, 0, 10), [event]);
  assert.deepEqual(history.eventsAfter(run.id, 1, 10), []);
  assert.deepEqual(history.lastEvent(run.id), event);
});

test("a save is written whole or not at all", (t) => {
  const history = store(t);
  const [run] = series(1, () => ({ startedAt: today }));
  assert.ok(run);
  saveAll(history, [run]);
  const bytes = RunEvent.encode(RunEvent.create()).finish();
  assert.equal(
    history.save(run.id, { ...run, summary: "other" }, [
      { seq: 2, bytes },
      { seq: 1, bytes },
    ]),
    false,
  );
  assert.deepEqual([history.get(run.id)?.summary, history.eventsAfter(run.id, 0, 10).length], [run.summary, 1]);
});

test("the list is filtered by all that is asked", (t) => {
  const history = store(t);
  const runs = series(8, (n) => ({
    startedAt: new Date(today.getTime() + n * 1000),
    volume: n < 4 ? "home" : "srv",
    job: n % 2 === 0 ? "even" : "odd",
    verb: n < 6 ? Verb.BACKUP : Verb.RESTORE,
    state: n % 3 === 0 ? RunState.FAILED : RunState.DONE,
  }));
  saveAll(history, runs);
  const listed = (filter: Parameters<RunStore["list"]>[0]) =>
    history.list(filter).map(({ id }) => runs.findIndex((run) => run.id === id));
  assert.deepEqual(listed({}), [7, 6, 5, 4, 3, 2, 1, 0]);
  assert.deepEqual(listed({ limit: 3 }), [7, 6, 5]);
  assert.deepEqual(listed({ volume: "srv" }), [7, 6, 5, 4]);
  assert.deepEqual(listed({ volume: "srv", job: "even" }), [6, 4]);
  assert.deepEqual(listed({ volumes: ["home", "other"] }), [3, 2, 1, 0]);
  assert.deepEqual(listed({ volumes: [] }), []);
  assert.deepEqual(listed({ verb: Verb.RESTORE }), [7, 6]);
  assert.deepEqual(listed({ states: [RunState.FAILED, RunState.CANCELLED] }), [6, 3, 0]);
  assert.deepEqual(listed({ volume: "home' or 1=1 --" }), []);
});

test("old runs are kept while they are among the newest thousand", (t) => {
  const history = store(t);
  const weekly = series(300, (n) => ({ startedAt: new Date(today.getTime() - (300 - n) * 7 * dayMs) }));
  saveAll(history, weekly);
  history.prune(today);
  assert.deepEqual(
    ids(history),
    weekly.map(({ id }) => id),
  );
});

test("of more than a thousand, those younger than 90 days are kept, and their events go with the others", (t) => {
  const history = store(t);
  const runs = series(1500, (n) => ({ startedAt: new Date(today.getTime() - (n < 200 ? 91 : 89) * dayMs + n * 1000) }));
  saveAll(history, runs);
  history.prune(today);
  assert.deepEqual(
    ids(history),
    runs.slice(200).map(({ id }) => id),
  );
  assert.deepEqual(history.eventsAfter(runs[0]?.id ?? "", 0, 10), []);
  assert.equal(history.eventsAfter(runs[200]?.id ?? "", 0, 10).length, 1);
});

test("the newest good backup of each job and what is under way outlive their time", (t) => {
  const history = store(t);
  const kept = new Set([1, 2, 4]);
  const runs = series(1100, (n) => ({
    startedAt: new Date(today.getTime() - 400 * dayMs + n * 1000),
    verb: n < 6 ? Verb.BACKUP : Verb.LIST_FILES,
    job: n === 2 ? "etc" : "home",
    state: n === 4 ? RunState.RUNNING : n === 3 ? RunState.FAILED : n === 1 ? RunState.INCOMPLETE : RunState.DONE,
    // the last backup was for show, the one before it failed: neither is one
    dryRun: n === 5,
  }));
  saveAll(history, runs);
  history.prune(today);
  assert.deepEqual(
    ids(history),
    runs.filter((_, n) => n >= 100 || kept.has(n)).map(({ id }) => id),
  );
});

test("the oldest go when the file grows beyond its limit", (t) => {
  const history = store(t);
  const mib = 2 ** 20;
  const runs = series(150, (n) => ({ startedAt: new Date(today.getTime() + n * 1000) }));
  saveAll(history, runs, mib);
  history.prune(today);
  const left = ids(history);
  assert.ok(left.length >= 100 && left.length <= 128, `${left.length}`);
  assert.deepEqual(
    left,
    runs.slice(-left.length).map(({ id }) => id),
  );
});
