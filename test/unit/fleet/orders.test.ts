import assert from "node:assert/strict";
import { test } from "node:test";
import { isWorkVerb, reportedVerbs, workWords } from "../../../agent/fleet/allowed.ts";
import { allowedWordNames } from "../../../agent/fleet/allowed-word.ts";
import { requireDispatch, requireWork, shownName } from "../../../agent/fleet/orders.ts";
import { LuksmithError } from "../../../common/errors.ts";
import { Dispatch, Work } from "../../../proto/gen/luksmith/v1/fleet.ts";
import { Verb } from "../../../proto/gen/luksmith/v1/types.ts";

const backup = Work.create({ verb: Verb.BACKUP, job: "home" });
const isUsage = (error: unknown) => error instanceof LuksmithError && error.code === "usage";

test("of all verbs there are six may be asked for, each by a word of the configuration", () => {
  const verbs = Object.values(Verb).filter((verb) => isWorkVerb(verb as Verb));
  assert.deepEqual(
    verbs.sort(),
    [Verb.BACKUP, Verb.VERIFY, Verb.DRILL, Verb.PRUNE, Verb.TRIM, Verb.CHECK_VOLUME].sort(),
  );
  for (const word of Object.values(workWords)) assert.ok(allowedWordNames.includes(word));
  assert.ok(!reportedVerbs.includes(Verb.RESTORE) && !reportedVerbs.includes(Verb.CAT));
});

test("what may be asked for", () => {
  assert.equal(requireWork(backup, "one").verb, Verb.BACKUP);
  assert.equal(requireWork({ ...backup, job: "*" }, "each").job, "*");
  const verify = { ...backup, verb: Verb.VERIFY, level: "scrub", deadlineMs: 60_000 };
  assert.equal(
    requireWork({ ...verify, retry: { attempts: 3, waitMs: 1000, longestWaitMs: 2000 } }, "one").level,
    "scrub",
  );
  assert.equal(requireWork(Work.create({ verb: Verb.TRIM, volume: "home" }), "one").volume, "home");
});

for (const [what, change] of [
  ["every job, where one is meant", { job: "*" }],
  ["no job", { job: "" }],
  ["a name with a path in it", { job: "a/b" }],
  ["an option", { job: "-rf" }],
  ["a volume as well", { volume: "home" }],
  ["a volume for a job", { job: "", volume: "home" }],
  ["a level of something else", { level: "full" }],
  ["a deadline that is none", { deadlineMs: -1 }],
  ["a deadline in the far future", { deadlineMs: 2 ** 53 }],
  ["more attempts than anybody makes", { retry: { attempts: 1000, waitMs: 0, longestWaitMs: 0 } }],
  ["a wait that never ends", { retry: { attempts: 1, waitMs: Number.POSITIVE_INFINITY, longestWaitMs: 0 } }],
  ["a verb of the machine's own", { verb: Verb.REENCRYPT_VOLUME }],
] as const) {
  test(`not to be used: ${what}`, () => assert.throws(() => requireWork({ ...backup, ...change }, "one"), isUsage));
}

test("ids are what could be no path, option or command", () => {
  for (const id of ["", "../x", "-x", "a b", "x".repeat(65), "a\n"]) {
    assert.throws(() => requireDispatch(Dispatch.create({ id, work: backup })), isUsage, id);
  }
  assert.throws(() => requireDispatch(Dispatch.create({ id: "d1" })), isUsage);
});

test("who is said to ask is shown on one line", () => {
  assert.equal(shownName("alice\n\x1b[31m"), "alice\\u{a}\\u{1b}[31m");
  assert.equal(shownName("x".repeat(1000)).length, 64);
});
