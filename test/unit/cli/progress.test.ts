import assert from "node:assert/strict";
import { test } from "node:test";
import { liveText, type OpenSteps, ProgressThinner, progressText, stepsAfter } from "../../../cli/progress.ts";
import type { Progress, RunEvent } from "../../../proto/gen/luksmith/v1/types.ts";
import { after, backupEvents, sampleEvent, sampleProgress } from "./samples.ts";

const lines: [changes: Partial<Progress>, text: string][] = [
  [{}, "copy  34 %  26.0 MiB of 75.0 MiB  12.5 MiB/s  2 min 5 s left  1,204 of 3,012 files"],
  [{ bytesTotal: 0, filesTotal: 0, remainingMs: 0 }, "copy  26.0 MiB  12.5 MiB/s  1,204 files"],
  [{ bytesDone: 0, bytesTotal: 0, bytesPerSecond: 0, remainingMs: 0, filesTotal: 0, filesDone: 1 }, "copy  1 file"],
  [{ bytesDone: 0, bytesTotal: 0, bytesPerSecond: 0, remainingMs: 0, filesTotal: 0, filesDone: 0 }, "copy"],
  [
    { bytesDone: 80 * 2 ** 20, remainingMs: 400, filesTotal: 0, filesDone: 0 },
    "copy  100 %  80.0 MiB of 75.0 MiB  12.5 MiB/s  1 s left",
  ],
  [
    { step: "a\x1b[2J", bytesTotal: 0, bytesPerSecond: 0, remainingMs: 0, filesTotal: 0 },
    "a\\u{1b}[2J  26.0 MiB  1,204 files",
  ],
];

for (const [changes, text] of lines) {
  test(`progress: ${text}`, () => assert.equal(progressText(sampleProgress(changes)), text));
}

const began = (step: string, seconds = 0) => sampleEvent({ $case: "stepBegan", value: { step } }, 1, seconds);
const ended = (step: string) => sampleEvent({ $case: "stepEnded", value: { step, durationMs: 1, error: undefined } });
const progressed = (step: string, seconds = 0) =>
  sampleEvent({ $case: "progress", value: sampleProgress({ step }) }, 1, seconds);

function stepsOf(...events: RunEvent[]): OpenSteps {
  return events.reduce<OpenSteps>(stepsAfter, []);
}

test("the live line is about the newest step that can tell, else about the newest", () => {
  assert.equal(liveText([], after(0)), "");
  assert.equal(liveText(stepsOf(began("connect")), after(0.5)), "connect");
  assert.equal(liveText(stepsOf(began("connect")), after(3)), "connect  3 s");
  assert.equal(liveText(stepsOf(began("connect"), began("key", 2)), after(75)), "key  1 min 13 s");
  assert.match(liveText(stepsOf(began("copy"), progressed("copy"), began("sync")), after(3)), /^copy {2}34 %/);
  assert.equal(liveText(stepsOf(began("copy"), progressed("copy"), began("sync"), ended("copy")), after(0)), "sync");
});

test("a clock that was set back shows no negative time", () => {
  assert.equal(liveText(stepsOf(began("connect", 10)), after(0)), "connect");
});

test("no step is open after a run", () => {
  assert.deepEqual(stepsOf(...backupEvents()), []);
});

test("progress of a step that is not open is no news", () => {
  assert.deepEqual(stepsOf(progressed("copy")), []);
});

test("progress is let through once in ten seconds for each step, everything else always", () => {
  const thinner = new ProgressThinner();
  const admitted = [
    began("copy", 0),
    progressed("copy", 1),
    progressed("copy", 9.9),
    progressed("copy", 10),
    progressed("copy", 15),
    progressed("sync", 15),
    progressed("copy", 20),
    ended("copy"),
  ].map((event) => thinner.admits(event));
  assert.deepEqual(admitted, [true, false, false, true, false, true, true, true]);
});
