import assert from "node:assert/strict";
import { test } from "node:test";
import { ProgressMeter, type ProgressSample } from "../../../agent/runs/progress-meter.ts";
import { Progress } from "../../../proto/gen/luksmith/v1/types.ts";

const mib = 2 ** 20;

function last(samples: readonly ProgressSample[]): Progress {
  const meter = new ProgressMeter("copy");
  let progress: Progress | undefined;
  for (const sample of samples) {
    progress = meter.update(sample);
    // each has to be something that can be sent, whatever the figures were
    assert.deepEqual(Progress.decode(Progress.encode(progress).finish()), progress);
  }
  assert.ok(progress);
  return progress;
}

/** A steady rate, sampled at these times. */
function steady(bytesPerSecond: number, times: readonly number[], bytesTotal?: number): ProgressSample[] {
  return times.map((atMs) => ({ atMs, bytesDone: (bytesPerSecond * atMs) / 1000, filesDone: 0, bytesTotal }));
}

test("one sample gives figures and no rate", () => {
  assert.deepEqual(last([{ atMs: 1000, bytesDone: 5, bytesTotal: 10, filesDone: 1, filesTotal: 2 }]), {
    step: "copy",
    bytesDone: 5,
    bytesTotal: 10,
    filesDone: 1,
    filesTotal: 2,
    bytesPerSecond: 0,
    remainingMs: 0,
  });
});

test("a steady rate is shown as it is from the second sample on, in whatever rhythm samples come", () => {
  for (const times of [
    [0, 10],
    [0, 1000],
    [0, 1, 2, 3, 1000, 1001, 9000],
    [0, 60_000],
  ]) {
    assert.equal(last(steady(1_000_000, times)).bytesPerSecond, 1_000_000, `${times}`);
  }
});

test("the time that remains is what is left at this rate", () => {
  assert.equal(last(steady(mib, [0, 1000, 2000], 10 * mib)).remainingMs, 8000);
});

test("what was done before the first sample is no rate: a resumed copy does not begin with a leap", () => {
  const progress = last([
    { atMs: 0, bytesDone: 1000 * mib, filesDone: 0 },
    { atMs: 1000, bytesDone: 1001 * mib, filesDone: 0 },
  ]);
  assert.equal(progress.bytesPerSecond, mib);
});

test("without a total nothing is foretold", () => {
  const progress = last(steady(mib, [0, 1000]));
  assert.equal(progress.bytesTotal, 0);
  assert.equal(progress.remainingMs, 0);
});

test("a total that lags behind is at least what is done, and nothing remains", () => {
  const progress = last([
    { atMs: 0, bytesDone: 0, bytesTotal: 10, filesDone: 0, filesTotal: 1 },
    { atMs: 1000, bytesDone: 20, bytesTotal: 10, filesDone: 3, filesTotal: 1 },
  ]);
  assert.deepEqual([progress.bytesTotal, progress.filesTotal, progress.remainingMs], [20, 3, 0]);
});

test("a change of rate is followed within some seconds and not at once", () => {
  const samples = steady(10 * mib, [0, 5000, 10_000]);
  const then = (seconds: number) => ({ atMs: 10_000 + seconds * 1000, bytesDone: (100 + seconds) * mib, filesDone: 0 });
  const afterOne = last([...samples, then(1)]).bytesPerSecond;
  const afterTwenty = last([...samples, ...Array.from({ length: 20 }, (_, n) => then(n + 1))]).bytesPerSecond;
  assert.ok(afterOne > 7 * mib && afterOne < 10 * mib, `${afterOne}`);
  assert.ok(afterTwenty < 1.3 * mib && afterTwenty >= mib, `${afterTwenty}`);
});

test("a stall lets the rate fall, and the forecast ends instead of growing for ever", () => {
  const done = steady(mib, [0, 1000, 2000], 100 * mib);
  const stalled = (seconds: number) => ({
    atMs: 2000 + seconds * 1000,
    bytesDone: 2 * mib,
    bytesTotal: 100 * mib,
    filesDone: 0,
  });
  const soon = last([...done, stalled(10)]);
  assert.ok(soon.bytesPerSecond < mib / 5);
  assert.ok(soon.remainingMs > 98_000);
  const late = last([...done, stalled(10), stalled(3600)]);
  assert.equal(late.bytesPerSecond, 0);
  assert.equal(late.remainingMs, 0);
});

test("a clock that stands still or goes back neither divides by zero nor loses bytes", () => {
  const progress = last([
    { atMs: 1000, bytesDone: 0, filesDone: 0 },
    { atMs: 1000, bytesDone: mib / 2, filesDone: 0 },
    { atMs: 900, bytesDone: mib / 2, filesDone: 0 },
    { atMs: 2000, bytesDone: mib, filesDone: 0 },
  ]);
  assert.equal(progress.bytesPerSecond, mib);
});

test("a count that goes back (the tool started over) gives no negative rate", () => {
  const progress = last([...steady(mib, [0, 1000, 2000]), { atMs: 3000, bytesDone: 0, filesDone: 0 }]);
  assert.equal(progress.bytesPerSecond, mib);
  assert.equal(progress.bytesDone, 0);
});

test("figures that are none count as zero", () => {
  const progress = last([
    { atMs: 0, bytesDone: Number.NaN, bytesTotal: Number.NaN, filesDone: -3, filesTotal: Number.POSITIVE_INFINITY },
    { atMs: Number.NaN, bytesDone: 12.7, filesDone: 1.5 },
  ]);
  assert.deepEqual([progress.bytesDone, progress.filesDone, progress.bytesPerSecond], [12, 1, 0]);
});
