import assert from "node:assert/strict";
import { test } from "node:test";
import { type ProgressFate, ProgressThinning } from "../../../agent/runs/progress-thinning.ts";

function fates(times: readonly number[]): ProgressFate[] {
  const thinning = new ProgressThinning();
  return times.map((ms) => thinning.decide(ms));
}

const cases: readonly (readonly [string, readonly number[], readonly ProgressFate[]])[] = [
  ["the first is on record", [0], ["record"]],
  ["the first may come at any time", [98_765], ["record"]],
  [
    "the next is held until a quarter of a second is over",
    [0, 1, 249, 250, 499, 500],
    ["record", "hold", "hold", "show", "hold", "show"],
  ],
  ["every five seconds one is on record", [0, 4999, 5000, 5001, 5250], ["record", "show", "record", "hold", "show"]],
  ["what comes more rarely is all on record", [0, 5000, 11_000, 60_000], ["record", "record", "record", "record"]],
  ["a clock that stands still shows nothing more", [7, 7, 7, 7], ["record", "hold", "hold", "hold"]],
];

for (const [name, times, expected] of cases) {
  test(name, () => assert.deepEqual(fates(times), expected));
}

test("an hour of a report every millisecond: four a second are shown, one in five seconds is on record", () => {
  const counts = { record: 0, show: 0, hold: 0 };
  const thinning = new ProgressThinning();
  for (let ms = 0; ms < 3_600_000; ms += 1) counts[thinning.decide(ms)] += 1;
  assert.equal(counts.record, 720);
  assert.equal(counts.record + counts.show, 14_400);
});
