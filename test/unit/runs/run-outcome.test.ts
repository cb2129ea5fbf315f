import assert from "node:assert/strict";
import { test } from "node:test";
import { interrupted, outcomeOfResult, outcomeOfThrown, runError, verbWords } from "../../../agent/runs/run-outcome.ts";
import { LuksmithError } from "../../../common/errors.ts";
import { ReleaseError } from "../../../common/undo.ts";
import { Run, RunState, runStateToJSON, Verb } from "../../../proto/gen/luksmith/v1/types.ts";

const none = { all: 0, files: 0 };
const cancelled = new LuksmithError("cancelled", "cancelled by alice");
const toolFailed = new LuksmithError("tool_failed", "rsync failed: exit code 20");
const tampered = new LuksmithError("tampered", "the image is a symbolic link");
const release = new ReleaseError([{ name: "unmount", error: new Error("target is busy") }]);

const asked = AbortSignal.abort(cancelled);
const timedOut = AbortSignal.abort(new LuksmithError("unreachable", "the backup host fell silent"));
const untouched = new AbortController().signal;

const thrown: readonly (readonly [string, unknown, AbortSignal, RunState, string])[] = [
  ["a failure", toolFailed, untouched, RunState.FAILED, "rsync failed: exit code 20"],
  [
    "what is not ours",
    new TypeError("x is undefined"),
    untouched,
    RunState.FAILED,
    "something went wrong inside luksmith",
  ],
  ["what is not even an error", "oops", untouched, RunState.FAILED, "something went wrong inside luksmith"],
  [
    "a cancellation of its own",
    new LuksmithError("cancelled", "the hook said so"),
    untouched,
    RunState.CANCELLED,
    "the hook said so",
  ],
  ["the reason itself", cancelled, asked, RunState.CANCELLED, "cancelled by alice"],
  ["what a tool says when it is stopped", toolFailed, asked, RunState.CANCELLED, "cancelled by alice"],
  [
    "an AbortError of Node's",
    new DOMException("aborted", "AbortError"),
    asked,
    RunState.CANCELLED,
    "cancelled by alice",
  ],
  [
    "an AbortError for another reason",
    new DOMException("aborted", "AbortError"),
    timedOut,
    RunState.FAILED,
    "the backup host fell silent",
  ],
  ["a failure beside another reason", toolFailed, timedOut, RunState.FAILED, "rsync failed: exit code 20"],
  ["tampering, found while it was cancelled", tampered, asked, RunState.FAILED, "the image is a symbolic link"],
  ["a release that failed, while it was cancelled", release, asked, RunState.FAILED, release.message],
  [
    "a release that failed after the cancellation",
    new SuppressedError(release, cancelled),
    asked,
    RunState.FAILED,
    `cancelled by alice; then: ${release.message}`,
  ],
  [
    "a release that failed, told as a cause",
    new LuksmithError("tool_failed", "could not detach", { cause: release }),
    asked,
    RunState.FAILED,
    "could not detach",
  ],
];

for (const [name, error, signal, state, message] of thrown) {
  test(`${name} thrown: ${runStateToJSON(state)}`, () => {
    const outcome = outcomeOfThrown(error, signal, { all: 3, files: 2 });
    assert.equal(outcome.state, state);
    assert.equal(outcome.error?.message, message);
    assert.equal(outcome.totals.warnings, 3);
  });
}

test("when work and release both fail, the work's code decides and both are told", () => {
  const error = runError(new SuppressedError(release, new LuksmithError("wrong_key", "no key slot opens")));
  assert.equal(error.code, "wrong_key");
  assert.equal(error.message, `no key slot opens; then: ${release.message}`);
  assert.equal(error.hint, "luksmith doctor");
});

test("when a cancelled run cannot release, it is no cancellation any more", () => {
  assert.equal(runError(new SuppressedError(release, cancelled)).code, "tool_failed");
});

test("done and skipped carry no error", () => {
  const done = outcomeOfResult("r", { state: "done", summary: "3 files", snapshot: "s", totals: { files: 3 } }, none);
  assert.deepEqual([done.state, done.error, done.summary, done.snapshot], [RunState.DONE, undefined, "3 files", "s"]);
  assert.equal(done.totals.files, 3);
  const skipped = outcomeOfResult("r", { state: "skipped", summary: "not now" }, none);
  assert.deepEqual([skipped.state, skipped.error], [RunState.SKIPPED, undefined]);
});

const incomplete: readonly (readonly [{ all: number; files: number }, string, string])[] = [
  [{ all: 1, files: 1 }, "", "1 file could not be read"],
  [{ all: 12_345, files: 12_345 }, "", "12,345 files could not be read"],
  [{ all: 3, files: 2 }, "", "2 files could not be read"],
  [{ all: 2, files: 0 }, "", "2 warnings"],
  [none, "half of it", "half of it"],
  [none, "", "not all of it could be done"],
];

for (const [warnings, summary, message] of incomplete) {
  test(`incomplete: ${message}`, () => {
    const outcome = outcomeOfResult("3k9", { state: "incomplete", summary }, warnings);
    assert.equal(outcome.state, RunState.INCOMPLETE);
    assert.deepEqual(
      [outcome.error?.code, outcome.error?.message, outcome.error?.hint],
      ["incomplete", message, "luksmith log 3k9"],
    );
  });
}

test("totals become what can be sent, and the warnings are those that were counted", () => {
  const { totals } = outcomeOfResult(
    "r",
    { state: "done", summary: "", totals: { bytes: 1.5, files: -1, warnings: 9 } },
    { all: 4, files: 0 },
  );
  assert.deepEqual([totals.bytes, totals.files, totals.warnings], [1, 0, 4]);
});

test("an interrupted run says what happens next", () => {
  const at = new Date(5000);
  const backup = interrupted(Run.fromPartial({ id: "a", verb: Verb.BACKUP, state: RunState.RUNNING }), at);
  assert.deepEqual([backup.state, backup.finishedAt, backup.error?.code], [RunState.INTERRUPTED, at, "interrupted"]);
  assert.equal(backup.error?.hint, "the next backup continues where it was");
  assert.equal(interrupted(Run.fromPartial({ verb: Verb.VERIFY }), at).error?.hint, "start it again");
});

test("verbs are spoken in words", () => {
  assert.equal(verbWords(Verb.BACKUP), "backup");
  assert.equal(verbWords(Verb.CREATE_VOLUME), "create volume");
});
