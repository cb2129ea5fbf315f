import assert from "node:assert/strict";
import { test } from "node:test";
import { Pace } from "../../../agent/backup/pace.ts";

const MiB = 2 ** 20;
const nothing = { sync: false, hold: false };

test("what is little is left for the end", () => {
  const pace = new Pace();
  assert.deepEqual(pace.advise(0), nothing);
  assert.deepEqual(pace.advise(2 * MiB - 1), nothing);
  assert.deepEqual(pace.advise(2 * MiB), { sync: true, hold: false });
});

test("while a piece is on its way the copy goes on for a while, and then waits", () => {
  const pace = new Pace();
  pace.begin(2 * MiB);
  assert.deepEqual(pace.advise(6 * MiB), nothing);
  assert.deepEqual(pace.advise(6 * MiB + 1), { sync: false, hold: true });
});

test("how far it may go is what the link takes in a second", () => {
  const pace = new Pace();
  pace.begin(20 * MiB);
  pace.end(2000);
  assert.deepEqual(pace.advise(30 * MiB), { sync: true, hold: false });
  pace.begin(30 * MiB);
  assert.equal(pace.advise(40 * MiB).hold, false);
  assert.equal(pace.advise(40 * MiB + 1).hold, true);
});

test("but never less than a little, however slow it is", () => {
  const pace = new Pace();
  pace.begin(2 * MiB);
  pace.end(600_000);
  pace.begin(4 * MiB);
  assert.equal(pace.advise(5 * MiB).hold, false);
  assert.equal(pace.advise(5 * MiB + 1).hold, true);
});

test("nothing that was written twice is counted as less than nothing", () => {
  const pace = new Pace();
  pace.begin(8 * MiB);
  pace.end(1000);
  // one of the processes has ended, and its share with it
  assert.deepEqual(pace.advise(3 * MiB), nothing);
});
