import assert from "node:assert/strict";
import { test } from "node:test";
import { planPrune, planRest } from "../../../agent/prune/plan.ts";
import { LuksmithError } from "../../../common/errors.ts";
import { entriesOf as entries, entriesAt } from "../snapshots/entries-of.ts";

const [a, b, c] = ["2026-11-21T02-00-00Z", "2026-11-22T02-00-00Z", "2026-11-23T02-00-00Z"] as const;

const all = entries(a, `${a.replace("21", "20")}.partial`, b, c, `${c.replace("23", "24")}.partial`);

test("one that is not the newest: latest stays", () => {
  assert.deepEqual(planPrune(all, { partial: false, snapshots: [a] }), {
    remove: [a],
    latest: undefined,
    empties: false,
  });
});

test("the newest: latest leads to the newest of those that stay", () => {
  assert.deepEqual(planPrune(all, { partial: false, snapshots: [c] }), { remove: [c], latest: b, empties: false });
  assert.deepEqual(planPrune(all, { partial: false, snapshots: [b, c] }), {
    remove: [b, c],
    latest: a,
    empties: false,
  });
});

test("one dated in the future is the newest only if it was made last", () => {
  const now = new Date("2026-11-22T12:00:00Z");
  const ahead = entriesAt(now, b, a, b, c);
  assert.equal(planPrune(ahead, { partial: false, snapshots: [c] }).latest, undefined);
  assert.equal(planPrune(ahead, { partial: false, snapshots: [b] }).latest, a);
  assert.equal(planRest(ahead, [a]).latest, b);
  assert.equal(planPrune(entriesAt(now, c, a, b, c), { partial: false, snapshots: [c] }).latest, b);
});

test("all of them", () => {
  assert.deepEqual(planPrune(all, { partial: false, snapshots: [c, b, a] }), {
    remove: [a, b, c],
    latest: undefined,
    empties: true,
  });
});

test("unfinished ones alone, by the names they have on disk", () => {
  assert.deepEqual(planPrune(all, { partial: true, snapshots: [] }), {
    remove: ["2026-11-20T02-00-00Z.partial", "2026-11-24T02-00-00Z.partial"],
    latest: undefined,
    empties: false,
  });
});

test("named twice, removed once", () => {
  assert.deepEqual(planPrune(all, { partial: true, snapshots: [a, a] }).remove, [
    a,
    "2026-11-20T02-00-00Z.partial",
    "2026-11-24T02-00-00Z.partial",
  ]);
});

test("a pinned one is not removed by its name either, and nothing else is", () => {
  assert.throws(
    () => planPrune(all, { partial: true, snapshots: [a, b] }, { job: "docs", names: [b] }),
    (error) => error instanceof LuksmithError && error.code === "usage" && error.hint === `luksmith unpin docs@${b}`,
  );
});

test("nothing there, nothing to do", () => {
  const nothing = { remove: [], latest: undefined, empties: false };
  assert.deepEqual(planPrune([], { partial: true, snapshots: [] }), nothing);
  assert.deepEqual(planPrune(entries(a), { partial: true, snapshots: [] }), nothing);
});

test("only unfinished ones there: pruning them does not touch latest", () => {
  const { empties, latest } = planPrune(entries(`${a}.partial`), { partial: true, snapshots: [] });
  assert.deepEqual({ empties, latest }, { empties: false, latest: undefined });
});

test("after an attempt that was cut short: what is gone is done, what is half gone goes, latest is put right", () => {
  const left = entries(a, `${b}.partial`, c, `${c.replace("23", "24")}.partial`);
  assert.deepEqual(planRest(left, [b]), { remove: [`${b}.partial`], latest: c, empties: false });
  assert.deepEqual(planRest(left, [b, c]), { remove: [`${b}.partial`, c], latest: a, empties: false });
  assert.deepEqual(planRest(entries(a), [b, c]), { remove: [], latest: a, empties: false });
  assert.deepEqual(planRest(entries(`${a}.partial`), [a]), {
    remove: [`${a}.partial`],
    latest: undefined,
    empties: true,
  });
});

test("after an attempt on unfinished ones: latest is left alone", () => {
  const doomed = `${c.replace("23", "24")}.partial`;
  assert.deepEqual(planRest(all, [doomed]), { remove: [doomed], latest: undefined, empties: false });
});

const unknown = [
  "latest",
  "",
  "..",
  "../etc",
  "/",
  "2026-11-21",
  `${a}.partial`,
  `${a}/`,
  `${a}\n`,
  "2026-11-24T02-00-00Z",
  "2026-11-24T02-00-00Z.partial",
];

for (const name of unknown) {
  test(`${JSON.stringify(name)} is no finished snapshot: nothing at all is removed`, () => {
    assert.throws(
      () => planPrune(all, { partial: true, snapshots: [a, name] }),
      (error) =>
        error instanceof LuksmithError &&
        error.code === "not_found" &&
        error.message === `there is no finished snapshot ${JSON.stringify(name)}`,
    );
  });
}
