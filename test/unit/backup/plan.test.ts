import assert from "node:assert/strict";
import { test } from "node:test";
import { goesOnInPlace, planBackup, planSubvolume } from "../../../agent/backup/plan.ts";
import { entriesAt, entriesOf } from "../snapshots/entries-of.ts";

const now = new Date("2026-11-25T02:00:00Z");

function plan(...names: string[]) {
  return planBackup(entriesOf(...names), now, () => 0);
}

test("the first of all", () => {
  assert.deepEqual(plan(), { name: "2026-11-25T02-00-00Z", base: undefined, interrupted: [], stale: [] });
});

test("files are shared with the newest finished one", () => {
  assert.deepEqual(plan("2026-11-21T02-00-00Z", "2026-11-22T02-00-00Z"), {
    name: "2026-11-25T02-00-00Z",
    base: "2026-11-22T02-00-00Z",
    interrupted: [],
    stale: [],
  });
});

test("the newest interrupted one is gone on with; older ones still give what files they have", () => {
  const names = ["2026-11-20T02-00-00Z.partial", "2026-11-21T02-00-00Z", "2026-11-22T02-00-00Z.partial"];
  assert.deepEqual(plan(...names, "2026-11-23T02-00-00Z.partial"), {
    name: "2026-11-25T02-00-00Z",
    base: "2026-11-21T02-00-00Z",
    interrupted: ["2026-11-23T02-00-00Z", "2026-11-22T02-00-00Z", "2026-11-20T02-00-00Z"],
    stale: [],
  });
});

test("of very many interrupted ones the newest are used, and the one with the most work in it", () => {
  const days = Array.from({ length: 9 }, (_, index) => `2026-11-1${index}T02-00-00Z`);
  const entries = entriesOf(...days.map((day) => `${day}.partial`));
  const worked = new Map(days.map((day, index) => [day, index === 2 ? 1000 : index]));
  const { interrupted, stale } = planBackup(entries, now, (name) => worked.get(name));
  assert.deepEqual(interrupted, [...days.slice(-3).toReversed(), days[2]]);
  assert.deepEqual(
    stale,
    days
      .slice(0, -3)
      .filter((_, index) => index !== 2)
      .toReversed(),
  );
});

test("an interrupted one of which nothing is known is not used", () => {
  const entries = entriesOf("2026-11-22T02-00-00Z.partial", "2026-11-23T02-00-00Z.partial");
  const { interrupted, stale } = planBackup(entries, now, (name) => (name.startsWith("2026-11-22") ? 0 : undefined));
  assert.deepEqual(interrupted, ["2026-11-22T02-00-00Z"]);
  assert.deepEqual(stale, ["2026-11-23T02-00-00Z"]);
});

test("a clock that went back shares with the one made last, and takes no name twice", () => {
  const [before, ahead] = ["2026-11-25T02-00-00Z", "2027-01-01T00-00-00Z"];
  const there = [before, ahead, "2026-11-25T02-00-01Z.partial"];
  const first = planBackup(entriesAt(now, ahead, ...there), now, () => 0);
  assert.equal(first.base, ahead);
  assert.equal(first.name, "2026-11-25T02-00-02Z");
  const second = planBackup(entriesAt(now, before, ...there), now, () => 0);
  assert.equal(second.base, before);
});

test("in place goes on what shares nothing, was of the same selection, and cannot have been mounted over", () => {
  const interrupted = ["2026-11-23T02-00-00Z"];
  const alone = { base: undefined, interrupted };
  const asItWas = { isSame: true, oneFileSystem: false };
  assert.equal(goesOnInPlace(alone, asItWas), true);
  assert.equal(goesOnInPlace({ base: undefined, interrupted: [] }, asItWas), false);
  assert.equal(goesOnInPlace({ base: "2026-11-22T02-00-00Z", interrupted }, asItWas), false);
  assert.equal(goesOnInPlace(alone, { ...asItWas, isSame: false }), false);
  assert.equal(goesOnInPlace(alone, { ...asItWas, oneFileSystem: true }), false);
});

test("in subvolumes: with the newest finished one, or the newest interrupted one that is of use, and nothing else", () => {
  const [finished, older, newer] = ["2026-11-22T02-00-00Z", "2026-11-23T02-00-00Z", "2026-11-24T02-00-00Z"];
  const is = (isUsable: (name: string) => boolean, ...names: string[]) => planSubvolume(plan(...names), isUsable);
  const always = () => true;
  assert.deepEqual(is(always), { goOn: undefined, origin: undefined, stale: [] });
  assert.deepEqual(is(always, `${finished}`), { goOn: undefined, origin: finished, stale: [] });
  const all = [`${finished}`, `${older}.partial`, `${newer}.partial`];
  assert.deepEqual(is(always, ...all), { goOn: newer, origin: undefined, stale: [older] });
  assert.deepEqual(
    is((name) => name === older, ...all),
    { goOn: older, origin: undefined, stale: [newer] },
  );
  assert.deepEqual(
    is(() => false, ...all),
    { goOn: undefined, origin: finished, stale: [newer, older] },
  );
});
