import assert from "node:assert/strict";
import { test } from "node:test";
import {
  durationText,
  endText,
  eventText,
  itemText,
  runDurationMs,
  runTitle,
  verbText,
  warningText,
} from "../../../cli/run-text.ts";
import { Item_Action, Verb } from "../../../proto/gen/luksmith/v1/types.ts";
import { after, backupEvents, runningRun, sampleEvent, sampleRun } from "./samples.ts";

const verbs: [verb: Verb, text: string][] = [
  [Verb.BACKUP, "backup"],
  [Verb.CREATE_VOLUME, "volume create"],
  [Verb.CHECK_VOLUME, "volume check"],
  [Verb.RESIZE_VOLUME, "volume resize"],
  [Verb.LIST_FILES, "ls"],
  [Verb.LIST_SNAPSHOTS, "snapshots"],
  [Verb.PRUNE, "prune"],
  [Verb.UNRECOGNIZED, "unrecognized"],
];

for (const [verb, text] of verbs) test(`verb ${verb} is called ${text}`, () => assert.equal(verbText(verb), text));

test("a run is called after what was typed", () => {
  assert.equal(runTitle(sampleRun()), "backup home");
  assert.equal(
    runTitle(sampleRun({ job: "", verb: Verb.CREATE_VOLUME, dryRun: true })),
    "volume create home (dry run)",
  );
  assert.equal(runTitle(sampleRun({ job: "a\x1bb" })), "backup a\\u{1b}b");
  assert.equal(runTitle(sampleRun({ job: "", volume: "" })), "backup");
});

test("how long a run took, or takes", () => {
  assert.equal(runDurationMs(sampleRun(), after(500)), 31_000);
  assert.equal(runDurationMs(runningRun(), after(7)), 7000);
  assert.equal(runDurationMs(runningRun(), after(-7)), 0);
  assert.equal(durationText(runDurationMs(runningRun({ startedAt: undefined }), after(7))), "-");
});

test("the end of a run in one line", () => {
  const said = "done in 31 s: snapshot 2026-11-23T02-00-00Z: 3,012 files, 75 MiB new (run 7f3a9c21)";
  assert.equal(endText(sampleRun(), after(99)), said);
  assert.equal(endText(sampleRun({ summary: "" }), after(99)), "done in 31 s (run 7f3a9c21)");
  assert.equal(endText(sampleRun({ summary: "\x1b[1m" }), after(99)), "done in 31 s: \\u{1b}[1m (run 7f3a9c21)");
});

test("what was done to a file", () => {
  const text = (action: Item_Action, path: Buffer, size: number, reason = "") =>
    itemText({ action, path, size, reason });
  assert.equal(text(Item_Action.ADD, Buffer.from("etc/hosts"), 1234), "add       1.21 KiB  etc/hosts");
  assert.equal(text(Item_Action.DELETE, Buffer.from("a\nb"), 1234), "delete              $'a\\nb'");
  assert.equal(text(Item_Action.DIFFERS, Buffer.from([0xff]), 0), "differs             $'\\xff'");
  assert.equal(text(Item_Action.KEEP, Buffer.from("home/x"), 0, "daily"), "keep                home/x  (daily)");
});

test("warnings name the file first", () => {
  assert.equal(warningText("gone", Buffer.from("a")), "a: gone");
  assert.equal(warningText("slow\x1b", Buffer.alloc(0)), "slow\\u{1b}");
});

test("the events of a backup, a line each", () => {
  const lines = backupEvents().map((event) => eventText(event, after(99)));
  assert.deepEqual(lines, [
    "started backup home, asked by root",
    "connect ...",
    "connect: done in 1.2 s",
    "copy ...",
    "copy  34 %  26.0 MiB of 75.0 MiB  12.5 MiB/s  2 min 5 s left  1,204 of 3,012 files",
    "note: continuing the unfinished snapshot",
    "warning: home/bob/secret: permission denied",
    "add       1.21 KiB  etc/hosts",
    "copy: done in 28 s",
    "done in 31 s: snapshot 2026-11-23T02-00-00Z: 3,012 files, 75 MiB new (run 7f3a9c21)",
  ]);
});

test("a step that failed says why, and an unknown event nothing", () => {
  const error = { code: "unreachable", message: "no route\x1b to host", hint: "" };
  const event = sampleEvent({ $case: "stepEnded", value: { step: "connect", durationMs: 900, error } });
  assert.equal(eventText(event, after(0)), "connect: failed after 900 ms: no route\\u{1b} to host");
  assert.equal(eventText(sampleEvent(undefined), after(0)), undefined);
});
