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

test("while a piece is on its way the copy goes on, another piece follows, and then it waits", () => {
  const pace = new Pace();
  pace.begin(2 * MiB, 0);
  assert.deepEqual(pace.advise(4 * MiB - 1), nothing);
  assert.deepEqual(pace.advise(4 * MiB), { sync: true, hold: false });
  pace.begin(4 * MiB, 10);
  assert.deepEqual(pace.advise(4 * MiB), nothing);
  assert.deepEqual(pace.advise(4 * MiB + 1), { sync: false, hold: true });
});

test("when it waits, all that there is is on its way", () => {
  const pace = new Pace();
  pace.begin(2 * MiB, 0);
  assert.deepEqual(pace.advise(5 * MiB), { sync: true, hold: true });
});

test("how far it may go is what the link takes in two seconds", () => {
  const pace = new Pace();
  const piece = pace.begin(20 * MiB, 0);
  pace.end(piece, 2000);
  assert.deepEqual(pace.advise(30 * MiB), { sync: true, hold: false });
  pace.begin(30 * MiB, 2000);
  assert.equal(pace.advise(40 * MiB).hold, false);
  assert.equal(pace.advise(40 * MiB + 1).hold, true);
});

test("but never less than a little, however slow it is", () => {
  const pace = new Pace();
  const piece = pace.begin(2 * MiB, 0);
  pace.end(piece, 600_000);
  pace.begin(2 * MiB + 1, 600_000);
  assert.equal(pace.advise(3 * MiB).hold, false);
  assert.equal(pace.advise(3 * MiB + 1).hold, true);
});

test("a piece that arrives takes with it the one before, and is not taken for faster than it was", () => {
  const pace = new Pace();
  const first = pace.begin(10 * MiB, 0);
  const second = pace.begin(20 * MiB, 100);
  pace.end(second, 2000);
  pace.end(first, 2001);
  // 20 MiB in two seconds
  pace.begin(30 * MiB, 2001);
  assert.equal(pace.advise(40 * MiB).hold, false);
  assert.equal(pace.advise(40 * MiB + 1).hold, true);
});

test("two pieces that arrive together do not make the link a fast one", () => {
  const pace = new Pace();
  const first = pace.begin(4 * MiB, 0);
  const second = pace.begin(8 * MiB, 100);
  pace.end(first, 4000);
  pace.end(second, 4010);
  // the first has told of 1 MiB a second
  pace.begin(9 * MiB, 4010);
  assert.equal(pace.advise(10 * MiB).hold, false);
  assert.equal(pace.advise(10 * MiB + 1).hold, true);
  // and what came with it counts with the next: 5 MiB in 1 s
  const third = pace.begin(9 * MiB, 4010);
  pace.end(third, 5000);
  pace.begin(20 * MiB, 5000);
  assert.equal(pace.advise(18 * MiB).hold, false);
  assert.equal(pace.advise(20 * MiB).hold, true);
});

test("a time in which nothing is on its way says nothing about the link", () => {
  const pace = new Pace();
  pace.end(pace.begin(5 * MiB, 0), 1000);
  pace.end(pace.begin(10 * MiB, 60_000), 61_000);
  // 5 MiB a second
  pace.begin(11 * MiB, 61_000);
  assert.equal(pace.advise(20 * MiB).hold, false);
  assert.equal(pace.advise(20 * MiB + 1).hold, true);
});

test("a fast copy is looked at sooner, the nearer it comes to where it has to wait", () => {
  const pace = new Pace();
  assert.equal(pace.restMs(0, 0), 50);
  pace.begin(2 * MiB, 0);
  // 4 MiB may be ahead; at 1 MiB in 20 ms
  assert.equal(pace.restMs(2 * MiB, 40), 40);
  assert.equal(pace.restMs(3 * MiB, 60), 20);
  assert.equal(pace.restMs(4 * MiB, 80), 10);
  // standing still
  assert.equal(pace.restMs(4 * MiB, 90), 50);
});

test("nothing that was written twice is counted as less than nothing", () => {
  const pace = new Pace();
  const piece = pace.begin(8 * MiB, 0);
  pace.end(piece, 1000);
  // one of the processes has ended, and its share with it
  assert.deepEqual(pace.advise(3 * MiB), nothing);
});

/** A link that carries so much in a second, one piece after the other, and needs so long for a piece's journal after its data. */
function copyOver({ bytesPerMs, journalMs }: { bytesPerMs: number; journalMs: number }, all: number) {
  const pace = new Pace();
  const step = 2 ** 18;
  const onTheirWay: { piece: ReturnType<Pace["begin"]>; endMs: number }[] = [];
  let [written, begun, linkFreeMs, nowMs, largestLoss, arrived] = [0, 0, 0, 0, 0, 0];
  while (arrived < all) {
    const { sync, hold } = pace.advise(written);
    if (sync || (written === all && begun < all && onTheirWay.length === 0)) {
      linkFreeMs = Math.max(linkFreeMs, nowMs) + (written - begun) / bytesPerMs;
      onTheirWay.push({ piece: pace.begin(written, nowMs), endMs: linkFreeMs + journalMs });
      begun = written;
    } else if ((hold || written === all) && onTheirWay[0] !== undefined) {
      const { piece, endMs } = onTheirWay[0];
      onTheirWay.shift();
      nowMs = Math.max(nowMs, endMs);
      pace.end(piece, nowMs);
      arrived = piece.upTo;
    } else written = Math.min(all, written + step);
    largestLoss = Math.max(largestLoss, written - arrived);
  }
  return { tookMs: nowMs, largestLoss };
}

test("the link does not stand still while a piece's journal is written, and little is lost with it", () => {
  for (const journalMs of [50, 500]) {
    const bytesPerMs = (5 * MiB) / 1000;
    const { tookMs, largestLoss } = copyOver({ bytesPerMs, journalMs }, 200 * MiB);
    assert.ok(tookMs < 1.25 * 40_000, `${journalMs} ms: ${tookMs} ms`);
    assert.ok(largestLoss < 11 * MiB, `${journalMs} ms: ${largestLoss / MiB} MiB`);
  }
});
