import assert from "node:assert/strict";
import { test } from "node:test";
import { goesOnInPlace, planBackup, planSubvolume } from "../../../agent/backup/plan.ts";
import { parseSnapshotName } from "../../../agent/snapshots/name.ts";

const now = new Date("2026-11-25T02:00:00Z");

function plan(...names: string[]) {
  return planBackup(
    names.map((name) => {
      const entry = parseSnapshotName(name);
      assert.ok(entry, name);
      return entry;
    }),
    now,
    () => 0,
  );
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
  const entries = days.flatMap((day) => parseSnapshotName(`${day}.partial`) ?? []);
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
  const entries = ["2026-11-22T02-00-00Z.partial", "2026-11-23T02-00-00Z.partial"].flatMap(
    (name) => parseSnapshotName(name) ?? [],
  );
  const { interrupted, stale } = planBackup(entries, now, (name) => (name.startsWith("2026-11-22") ? 0 : undefined));
  assert.deepEqual(interrupted, ["2026-11-22T02-00-00Z"]);
  assert.deepEqual(stale, ["2026-11-23T02-00-00Z"]);
});

test("a clock that went back shares with the newest there is, and takes no name twice", () => {
  const { name, base } = plan("2026-11-25T02-00-00Z", "2027-01-01T00-00-00Z", "2026-11-25T02-00-01Z.partial");
  assert.equal(base, "2027-01-01T00-00-00Z");
  assert.equal(name, "2026-11-25T02-00-02Z");
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
