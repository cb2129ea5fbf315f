import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { RunWork } from "../../../agent/runs/context.ts";
import { LuksmithError } from "../../../common/errors.ts";
import { Progress, type RunEvent, RunState, Verb } from "../../../proto/gen/luksmith/v1/types.ts";
import { AgentLife, alice, backupOfHome, collect, stateDirectory, word } from "./agent-life.ts";

const { signal } = new AbortController();
const done = { state: "done", summary: "all of it" } as const;
const retry = { attempts: 3, firstWaitMs: 60_000, longestWaitMs: 600_000 };
const unreachable = new LuksmithError("unreachable", "cannot reach vault", { hint: "luksmith doctor" });
const detail = { code: "unreachable", message: "cannot reach vault", hint: "luksmith doctor" };

function agent(context: TestContext): AgentLife {
  const life = new AgentLife(stateDirectory(context));
  context.after(() => life.end());
  return life;
}

/** Fails so often before it succeeds. */
function failing(times: number, error: Error = unreachable): RunWork {
  let attempts = 0;
  return async (context) => {
    attempts += 1;
    return context.step("connect", async () => {
      if (attempts <= times) throw error;
      return done;
    });
  };
}

const mostTurns = 10_000;

/** Lets what is ready happen. @throws when it does not come true by that */
async function until(isSo: () => boolean): Promise<void> {
  for (let turn = 0; !isSo(); turn += 1) {
    if (turn > mostTurns) throw new Error(`it does not come true: ${isSo}`);
    await new Promise(setImmediate);
  }
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise(setImmediate);
}

/** Until the run waits for this attempt. */
async function resting({ runs, clock }: AgentLife, id: string, attempt = 2): Promise<void> {
  await until(() => {
    const { retry } = runs.get(id);
    return retry?.attempt === attempt && retry.nextAt !== undefined && clock.sleeping > 0;
  });
}

test("what may go by itself is tried again, and that shows while it waits", async (t) => {
  const life = agent(t);
  const { id } = life.runs.start({ ...backupOfHome, retry }, failing(1));
  await resting(life, id);
  const waiting = life.runs.get(id);
  assert.equal(waiting.state, RunState.RUNNING);
  assert.deepEqual([waiting.retry?.attempt, waiting.retry?.attempts, waiting.retry?.error], [2, 3, detail]);
  const waitMs = (waiting.retry?.nextAt?.getTime() ?? 0) - life.clock.now().getTime();
  assert.ok(waitMs >= 0 && waitMs <= retry.firstWaitMs, `${waitMs} ms`);
  life.clock.advance(retry.firstWaitMs);
  const run = await life.runs.wait(id);
  assert.deepEqual([run.state, run.retry, run.error], [RunState.DONE, undefined, undefined]);
  assert.deepEqual((await collect(life.runs.watch(id, true, signal))).map(word), [
    ...["started", "+connect", "-connect", "attemptFailed"],
    ...["attempt 2 of 3", "+connect", "-connect", "ended"],
  ]);
});

test("after the last attempt it has failed with what that one failed over", async (t) => {
  const life = agent(t);
  const { id } = life.runs.start({ ...backupOfHome, retry }, failing(9));
  for (let attempt = 2; attempt <= retry.attempts; attempt += 1) {
    await resting(life, id, attempt);
    life.clock.advance(retry.longestWaitMs);
  }
  const run = await life.runs.wait(id);
  assert.deepEqual([run.state, run.error], [RunState.FAILED, detail]);
  const failed = (await collect(life.runs.watch(id, true, signal))).filter(
    (event: RunEvent) => word(event) === "attemptFailed",
  );
  assert.equal(failed.length, 2);
});

test("what does not go by itself is not", async (t) => {
  const life = agent(t);
  const { id } = life.runs.start(
    { ...backupOfHome, retry },
    failing(1, new LuksmithError("wrong_key", "no slot opens")),
  );
  const run = await life.runs.wait(id);
  assert.deepEqual([run.state, run.error?.code], [RunState.FAILED, "wrong_key"]);
});

test("a run that was not told to try again does not", async (t) => {
  const { runs } = agent(t);
  const { id } = runs.start(backupOfHome, failing(1));
  assert.equal((await runs.wait(id)).state, RunState.FAILED);
});

test("while it waits the volume is free, but not for another of the same; it waits for its turn", async (t) => {
  const life = agent(t);
  const { runs, clock } = life;
  const { id } = runs.start({ ...backupOfHome, retry }, failing(1));
  await resting(life, id);
  assert.equal(runs.heldBy("home"), undefined);
  assert.throws(
    () => runs.start(backupOfHome, failing(0)),
    (error) =>
      error instanceof LuksmithError && error.code === "locked" && error.message.includes(`run ${id} does the same`),
  );
  const finish = Promise.withResolvers<typeof done>();
  const other = runs.start({ ...backupOfHome, verb: Verb.RESTORE }, () => finish.promise);
  clock.advance(retry.firstWaitMs);
  await turns(20);
  assert.equal(runs.get(id).retry?.attempt, 2);
  assert.equal(runs.heldBy("home")?.id, other.id);
  finish.resolve(done);
  assert.equal((await runs.wait(id)).state, RunState.DONE);
});

test("what else is done with the job meanwhile is not refused: another verb, or a look at what a backup would do", async (t) => {
  const life = agent(t);
  const { id } = life.runs.start({ ...backupOfHome, retry, dryRun: true }, failing(1));
  await resting(life, id);
  const real = life.runs.start(backupOfHome, failing(0));
  assert.equal((await life.runs.wait(real.id)).state, RunState.DONE);
  const restore = life.runs.start({ ...backupOfHome, verb: Verb.RESTORE, retry }, failing(1));
  await until(() => life.runs.get(restore.id).retry?.nextAt !== undefined);
  const another = life.runs.start({ ...backupOfHome, verb: Verb.RESTORE }, failing(0));
  assert.equal((await life.runs.wait(another.id)).state, RunState.DONE);
});

test("two that wait in turns do not wait for one another's end", async (t) => {
  const life = agent(t);
  const { runs, clock } = life;
  const first = runs.start({ ...backupOfHome, retry }, failing(1));
  await resting(life, first.id);
  const broken = Promise.withResolvers<typeof done>();
  const second = runs.start({ ...backupOfHome, verb: Verb.RESTORE, retry }, () => broken.promise);
  clock.advance(retry.firstWaitMs);
  await turns(20);
  assert.equal(runs.get(first.id).state, RunState.RUNNING, "it waits for the volume");
  broken.reject(unreachable);
  assert.equal((await runs.wait(first.id)).state, RunState.DONE, "which is free while the other one waits");
  assert.equal(runs.get(second.id).state, RunState.RUNNING);
});

const hour = 3_600_000;

test("an attempt that got somewhere for long begins the count anew, and the work is told the same", async (t) => {
  const life = agent(t);
  const told: boolean[] = [];
  const work = (moves: boolean) => async (context: Parameters<RunWork>[0]) => {
    if (moves) context.progress(Progress.create({ step: "copy", bytesDone: 1 }));
    life.clock.advance(hour);
    told.push(context.willTryAgain(unreachable));
    throw unreachable;
  };
  const last = { ...retry, attempts: 2 };
  const moving = life.runs.start({ ...backupOfHome, retry: last }, work(true));
  for (let attempt = 0; attempt < 4; attempt += 1) {
    await resting(life, moving.id);
    life.clock.advance(retry.longestWaitMs);
    await turns(20);
  }
  life.runs.cancel(moving.id, alice);
  await life.runs.wait(moving.id);
  assert.ok(told.length >= 4 && told.every((again) => again));
  told.length = 0;
  // hooks before it, say
  const standing = life.runs.start({ ...backupOfHome, retry: last }, work(false));
  await resting(life, standing.id);
  life.clock.advance(retry.longestWaitMs);
  assert.equal((await life.runs.wait(standing.id)).state, RunState.FAILED);
  assert.deepEqual(told, [true, false]);
});

test("cancelled while it waits, it is over at once", async (t) => {
  const life = agent(t);
  const { id } = life.runs.start({ ...backupOfHome, retry }, failing(9));
  await resting(life, id);
  life.runs.cancel(id, alice);
  const run = await life.runs.wait(id);
  assert.deepEqual([run.state, run.retry], [RunState.CANCELLED, undefined]);
  assert.equal(life.clock.sleeping, 0, "no timer is left");
});

test("cancelled while it waits for its turn, too", async (t) => {
  const life = agent(t);
  const { runs, clock } = life;
  const { id } = runs.start({ ...backupOfHome, retry }, failing(1));
  await resting(life, id);
  const finish = Promise.withResolvers<typeof done>();
  runs.start({ ...backupOfHome, verb: Verb.RESTORE }, () => finish.promise);
  clock.advance(retry.firstWaitMs);
  await turns(20);
  runs.cancel(id, alice);
  assert.equal((await runs.wait(id)).state, RunState.CANCELLED);
  finish.resolve(done);
});

test("a run ends at its deadline, at work or waiting", async (t) => {
  const life = agent(t);
  const deadlineMs = 30_000;
  const working = life.runs.start({ ...backupOfHome, volume: "a", deadlineMs }, (context) => {
    const aborted = Promise.withResolvers<never>();
    context.signal.addEventListener("abort", () => aborted.reject(context.signal.reason));
    return aborted.promise;
  });
  const waiting = life.runs.start({ ...backupOfHome, retry: { ...retry, attempts: 99 }, deadlineMs }, failing(99));
  await resting(life, waiting.id);
  for (let passed = 0; passed <= deadlineMs; passed += 1000) {
    life.clock.advance(1000);
    await turns(20);
  }
  for (const [{ id }, message] of [
    [working, "the run has not ended within 30 s"],
    [waiting, "the run has not ended within 30 s: cannot reach vault"],
  ] as const) {
    const run = await life.runs.wait(id);
    assert.deepEqual([run.state, run.error?.code, run.error?.message], [RunState.FAILED, "deadline", message]);
  }
});
