import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { type TestContext, test } from "node:test";
import { type RunEvent, RunState } from "../../../proto/gen/luksmith/v1/types.ts";
import { AgentLife, alice, backupOfHome, collect, stateDirectory, word } from "./agent-life.ts";

const { signal } = new AbortController();
const done = { state: "done", summary: "" } as const;

function agent(context: TestContext): AgentLife {
  const life = new AgentLife(stateDirectory(context));
  context.after(() => life.end());
  return life;
}

function turn(): Promise<void> {
  return new Promise(setImmediate);
}

/** The events that are on record: those that move the reader on. Fails on a shown one in a wrong place. */
function recorded(events: readonly RunEvent[]): RunEvent[] {
  const kept: RunEvent[] = [];
  for (const event of events) {
    if (event.seq === (kept.at(-1)?.seq ?? 0))
      assert.equal(event.kind?.$case, "progress", "only progress is shown only");
    else kept.push(event);
  }
  return kept;
}

test("many readers, early, late and slow, each get every event once and in order, while it is written", async (t) => {
  const { runs, clock, store } = agent(t);
  const finished = Promise.withResolvers<void>();
  const { id } = runs.start(backupOfHome, async (context) => {
    for (let burst = 0; burst < 120; burst += 1) {
      await context.step(`step ${burst}`, async () => {
        for (let n = 0; n < burst % 40; n += 1) {
          context.note(`${burst}.${n}`);
          context.progress({
            step: `step ${burst}`,
            bytesDone: n,
            bytesTotal: 0,
            filesDone: 0,
            filesTotal: 0,
            bytesPerSecond: 0,
            remainingMs: 0,
          });
          clock.advance(37);
        }
        // some bursts wait in memory while readers come, others are written by then
        clock.advance(burst % 3 === 0 ? 600 : 0);
        await turn();
      });
    }
    finished.resolve();
    return done;
  });
  const readers = Array.from({ length: 12 }, async (_, reader) => {
    for (let wait = 0; wait < reader * 9; wait += 1) await turn();
    const events: RunEvent[] = [];
    for await (const event of runs.watch(id, true, signal)) {
      events.push(event);
      if (reader % 3 === 1) await turn();
      if (reader % 3 === 2 && event.seq % 100 === 0) await finished.promise;
    }
    return events;
  });
  const read = await Promise.all(readers);
  const history = store.eventsAfter(id, 0, 100_000);
  assert.ok(history.length > 2000, `${history.length}`);
  assert.deepEqual(
    history.map(({ seq }) => seq),
    history.map((_, n) => n + 1),
  );
  assert.equal(history.at(-1)?.kind?.$case, "ended");
  for (const events of read) assert.deepEqual(recorded(events), history);
  assert.ok((read[0]?.length ?? 0) > history.length, "a reader from the start also sees progress that is only shown");
  assert.deepEqual(await collect(runs.watch(id, true, signal)), history);
});

test("without follow it ends with what there is", async (t) => {
  const { runs } = agent(t);
  const step = Promise.withResolvers<void>();
  const { id } = runs.start(backupOfHome, async (context) => {
    context.note("one");
    await step.promise;
    context.note("two");
    return done;
  });
  await turn();
  assert.deepEqual((await collect(runs.watch(id, false, signal))).map(word), ["started", "one"]);
  const paused = runs.watch(id, false, signal)[Symbol.asyncIterator]();
  await paused.next();
  step.resolve();
  await runs.wait(id);
  assert.equal((await paused.next()).value.seq, 2);
  assert.equal((await paused.next()).done, true, "what came after the question is not part of the answer");
  assert.deepEqual((await collect(runs.watch(id, false, signal))).map(word), ["started", "one", "two", "ended"]);
});

test("a slow reader is given the newest progress only, under the number of the event before it", async (t) => {
  const { runs, clock } = agent(t);
  const { id } = runs.start(backupOfHome, (context) =>
    context.step("copy", async () => {
      for (let n = 0; n < 40; n += 1) {
        context.progress({
          step: "copy",
          bytesDone: n,
          bytesTotal: 0,
          filesDone: 0,
          filesTotal: 0,
          bytesPerSecond: 0,
          remainingMs: 0,
        });
        clock.advance(100);
      }
      await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
      return done;
    }),
  );
  await turn();
  const seen: string[] = [];
  for await (const event of runs.watch(id, true, signal)) {
    seen.push(`${event.seq} ${word(event)}`);
    if (word(event) === "39 B" && event.seq === 3) runs.cancel(id, alice);
  }
  assert.deepEqual(seen, [
    "1 started",
    "2 +copy",
    "3 0 B",
    "3 39 B",
    "4 cancelled by alice",
    "5 39 B",
    "6 -copy",
    "7 ended",
  ]);
});

test("a reader that goes away leaves nothing behind, and the run goes on", async (t) => {
  const { runs } = agent(t);
  const { id } = runs.start(
    backupOfHome,
    (context) => new Promise((resolve) => context.signal.addEventListener("abort", () => resolve(done))),
  );
  await turn();
  const away = new AbortController();
  const reading = collect(runs.watch(id, true, away.signal));
  await turn();
  assert.equal(getEventListeners(away.signal, "abort").length, 1, "it waits");
  away.abort();
  assert.deepEqual((await reading).map(word), ["started"]);
  assert.equal(getEventListeners(away.signal, "abort").length, 0);
  for await (const event of runs.watch(id, true, signal)) {
    assert.equal(event.seq, 1);
    break;
  }
  assert.equal(getEventListeners(signal, "abort").length, 0);
  assert.equal(runs.get(id).state, RunState.RUNNING);
  assert.deepEqual(
    await collect(runs.watch(id, true, away.signal)),
    [],
    "one that was gone before it came gets nothing",
  );
});

test("an agent that stops lets its readers see the end", async (t) => {
  const life = new AgentLife(stateDirectory(t));
  const { id } = life.runs.start(
    backupOfHome,
    (context) =>
      new Promise((_, reject) => context.signal.addEventListener("abort", () => reject(context.signal.reason))),
  );
  await turn();
  const reading = collect(life.runs.watch(id, true, signal));
  await life.runs.close();
  assert.deepEqual((await reading).map(word), ["started", "the agent is stopping", "ended"]);
  life.store.close();
});
