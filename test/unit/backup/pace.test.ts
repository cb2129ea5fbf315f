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

/** A link that needs so long for a piece's journal, and carries so much in a second beside that. */
function piecesOn(
  link: { journalMs: number; bytesPerSecond: number },
  all: number,
): { pieces: number[]; tookMs: number } {
  const pace = new Pace();
  const pieces: number[] = [];
  let [written, arrived, tookMs] = [0, 0, 0];
  const step = 2 ** 16;
  while (arrived < all) {
    while (!pace.advise(written).sync && written < all) written += step;
    pace.begin(written);
    const piece = written - arrived;
    arrived = written;
    while (!pace.advise(written).hold && written < all) written += step;
    const ms = link.journalMs + (piece * 1000) / link.bytesPerSecond;
    pieces.push(piece / MiB);
    tookMs += ms;
    pace.end(ms);
  }
  return { pieces, tookMs };
}

test("where the journal's round trips show, pieces become larger, and most of the time is the link's", () => {
  const far = { journalMs: 500, bytesPerSecond: 5 * MiB };
  const { pieces, tookMs } = piecesOn(far, 200 * MiB);
  const largest = Math.max(...pieces);
  assert.ok(largest > 10 && largest < 25, `${largest} MiB`);
  assert.ok(tookMs < 1.3 * 40_000, `${tookMs} ms`);
});

test("where they do not, little is lost with a connection", () => {
  const { pieces } = piecesOn({ journalMs: 60, bytesPerSecond: 4 * MiB }, 200 * MiB);
  assert.ok(Math.max(...pieces) < 6, `${Math.max(...pieces)} MiB`);
});

test("nothing that was written twice is counted as less than nothing", () => {
  const pace = new Pace();
  pace.begin(8 * MiB);
  pace.end(1000);
  // one of the processes has ended, and its share with it
  assert.deepEqual(pace.advise(3 * MiB), nothing);
});
