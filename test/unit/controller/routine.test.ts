import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../../common/clock.ts";
import { Bell } from "../../../controller/bell.ts";
import { occasion } from "../../../controller/occasion.ts";
import { Routine } from "../../../controller/routine.ts";

const never = new AbortController().signal;
/** Waits as long as it is let. */
const patient = { sleep: (_ms: number, signal?: AbortSignal) => systemClock.sleep(3_600_000, signal) };

test("a bell that has rung between two waits ends the next one, once", async () => {
  const bell = new Bell(patient);
  bell.ring();
  bell.ring();
  assert.equal(await bell.wait(1, never), true);
  const waiting = bell.wait(1, never);
  setImmediate(() => bell.ring());
  assert.equal(await waiting, true);
  assert.equal(await bell.wait(1, AbortSignal.abort()), false);
});

test("a bell that nobody rings ends by the time, also where no timer is so long", async () => {
  const bell = new Bell(systemClock);
  assert.equal(await bell.wait(1, never), false);
  const asked: number[] = [];
  const clock = { sleep: async (ms: number) => void asked.push(ms) };
  assert.equal(await new Bell(clock).wait(Number.POSITIVE_INFINITY, never), false);
  assert.deepEqual(asked, [86_400_000]);
});

test("a routine goes on after what fails, and says so", async () => {
  const routine = new Routine();
  const bell = new Bell(patient);
  const said: string[] = [];
  let times = 0;
  const done = Promise.withResolvers<void>();
  routine.begin({
    when: occasion((signal) => bell.wait(1, signal)),
    work: async () => {
      times += 1;
      said.push(`${times}`);
      if (times === 3) done.resolve();
      else bell.ring();
      if (times === 2) throw new Error("away");
    },
    failed: (error) => said.push(`${error}`),
  });
  await done.promise;
  await routine.end();
  assert.deepEqual(said, ["1", "2", "Error: away", "3"]);
});

test("a routine ends when what it does has seen the signal, quietly, and lets go of what it heard by", async () => {
  const routine = new Routine();
  const said: string[] = [];
  const begun = Promise.withResolvers<void>();
  routine.begin({
    when: occasion(
      async () => said.push("next"),
      () => said.push("let go"),
    ),
    work: async (signal) => {
      begun.resolve();
      await patient.sleep(1, signal);
    },
    failed: () => said.push("failed"),
  });
  await begun.promise;
  await routine.end();
  assert.deepEqual(said, ["next", "let go"]);
});

test("a routine that begins later does nothing before, and nothing at all when it is ended by then", async () => {
  const routine = new Routine();
  let times = 0;
  routine.beginLater({
    when: occasion((signal) => patient.sleep(1, signal).catch(() => undefined)),
    work: async () => {
      times += 1;
    },
    failed: () => undefined,
  });
  await new Promise((resolve) => setImmediate(resolve));
  await routine.end();
  assert.equal(times, 0);
});

test("what rings right after the first ring is one with it", async () => {
  const paused: number[] = [];
  const clock = {
    sleep: async (ms: number, signal?: AbortSignal) => {
      if (ms === 60_000) return systemClock.sleep(3_600_000, signal);
      paused.push(ms);
      bell.ring();
      bell.ring();
    },
  };
  const bell = new Bell(clock);
  bell.ring();
  assert.equal(await bell.wait(60_000, never, 20), true);
  assert.deepEqual(paused, [20]);
  const enough = new AbortController();
  setImmediate(() => enough.abort());
  assert.equal(await bell.wait(60_000, enough.signal, 20), false);
});
