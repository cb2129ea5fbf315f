import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { bytesTooMany, isBeyond, type Quota, type RunHead, runsTooMany } from "../../../controller/quota/quota.ts";

const quota: Quota = { eventBytes: 1000, runs: 10 };

function run(number: number, change: Partial<RunHead> = {}): RunHead {
  const head = { verb: "VERB_BACKUP", job: "home", volume: "v", state: "RUN_STATE_FAILED" };
  return { ...head, runId: `r${number}`, startedMs: number, ...change };
}

const many = (count: number, change: (number: number) => Partial<RunHead> = () => ({})) =>
  Array.from({ length: count }, (_, number) => run(number, change(number)));
const ids = (runs: readonly RunHead[]) => runs.map(({ startedMs }) => startedMs).sort((a, b) => a - b);
const none = new Set<string>();

describe("what one machine may have", () => {
  it("is so many bytes of events, and when it is more, a tenth of it makes room", () => {
    assert.equal(isBeyond({ eventBytes: 1000, runs: 10 }, quota), false);
    assert.equal(isBeyond({ eventBytes: 1001, runs: 0 }, quota), true);
    assert.equal(isBeyond({ eventBytes: 0, runs: 11 }, quota), true);
    assert.equal(bytesTooMany({ eventBytes: 1000 }, quota), 0);
    assert.equal(bytesTooMany({ eventBytes: 1001 }, quota), 101);
  });

  it("is so many runs: the oldest go", () => {
    assert.deepEqual(runsTooMany(many(10), none, quota), []);
    assert.deepEqual(ids(runsTooMany(many(12), none, quota)), [0, 1, 2]);
  });

  it("is how each kind of run ended last, and the last good backup of each job, however old", () => {
    const runs = [
      run(0, { state: "RUN_STATE_DONE" }),
      run(1, { verb: "VERB_PRUNE" }),
      run(2, { verb: "VERB_TRIM", job: "" }),
      run(3, { job: "etc", state: "RUN_STATE_INCOMPLETE" }),
      run(4),
      ...many(20).map((each) => ({ ...each, runId: `n${each.runId}`, startedMs: each.startedMs + 10 })),
    ];
    const gone = ids(runsTooMany(runs, none, quota));
    assert.deepEqual(gone.slice(0, 2), [4, 10]);
    assert.equal(gone.length, runs.length - 9);
    // by which somebody was told
    assert.ok(!ids(runsTooMany(runs, new Set(["r4"]), quota)).includes(4));
  });

  it("is the end of the newest run that has one, also while another is under way", () => {
    const running = many(30).map((each) => ({ ...each, startedMs: each.startedMs + 100, state: "RUN_STATE_RUNNING" }));
    const gone = runsTooMany([run(1), ...running.map((each) => ({ ...each, runId: `n${each.runId}` }))], none, quota);
    assert.ok(!gone.some(({ runId }) => runId === "r1"));
  });

  it("is not more for a machine that invents kinds of runs", () => {
    const gone = runsTooMany(
      many(5000, (number) => ({ job: `job${number}` })),
      none,
      quota,
    );
    assert.equal(gone.length, 3000);
    assert.ok(gone.every(({ startedMs }) => startedMs < 3000));
  });
});
