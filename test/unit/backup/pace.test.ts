import assert from "node:assert/strict";
import { test } from "node:test";
import { Pace } from "../../../agent/backup/pace.ts";

const MiB = 2 ** 20;

/** What it says at a time that does not matter. */
function advice(pace: Pace, written: number, nowMs = 0) {
  const { sync, hold } = pace.advise(written, nowMs);
  return { sync, hold };
}

/** How far the copy may be ahead of what has arrived, when there is something on its way already. */
function assertWindow(pace: Pace, arrived: number, bytes: number): void {
  assert.equal(advice(pace, arrived + bytes).hold, false, "it holds too early");
  assert.equal(advice(pace, arrived + bytes + 1).hold, true, "it does not hold");
}

const nothing = { sync: false, hold: false };

test("what is little is left for the end", () => {
  const pace = new Pace(0);
  assert.deepEqual(advice(pace, 0), nothing);
  assert.deepEqual(advice(pace, 2 * MiB - 1), nothing);
  assert.deepEqual(advice(pace, 2 * MiB), { sync: true, hold: false });
});

test("while a piece is on its way the copy goes on, another piece follows, and then it waits", () => {
  const pace = new Pace(0);
  pace.begin(2 * MiB, 0);
  assert.deepEqual(advice(pace, 4 * MiB - 1), nothing);
  assert.deepEqual(advice(pace, 4 * MiB), { sync: true, hold: false });
  pace.begin(4 * MiB, 10);
  assert.deepEqual(advice(pace, 4 * MiB), nothing);
  assert.deepEqual(advice(pace, 4 * MiB + 1), { sync: false, hold: true });
});

test("when it waits, all that there is is on its way", () => {
  const pace = new Pace(0);
  pace.begin(2 * MiB, 0);
  assert.deepEqual(advice(pace, 5 * MiB), { sync: true, hold: true });
});

test("how far it may go is what the link takes in two seconds", () => {
  const pace = new Pace(0);
  pace.end(pace.begin(20 * MiB, 0), 2000);
  assert.deepEqual(advice(pace, 30 * MiB), { sync: true, hold: false });
  pace.begin(30 * MiB, 2000);
  assertWindow(pace, 20 * MiB, 20 * MiB);
});

test("but never less than a little, however slow it is", () => {
  const pace = new Pace(0);
  pace.end(pace.begin(2 * MiB, 0), 600_000);
  pace.begin(2 * MiB + 1, 600_000);
  assertWindow(pace, 2 * MiB, MiB);
});

test("a piece that arrives takes with it the one before, and is not taken for faster than it was", () => {
  const pace = new Pace(0);
  const first = pace.begin(10 * MiB, 0);
  const second = pace.begin(20 * MiB, 100);
  pace.end(second, 2000);
  pace.end(first, 2000);
  pace.begin(30 * MiB, 2000);
  assertWindow(pace, 20 * MiB, 20 * MiB);
});

test("two pieces that arrive together do not make the link a fast one", () => {
  const pace = new Pace(0);
  const first = pace.begin(8 * MiB, 0);
  const second = pace.begin(16 * MiB, 100);
  pace.end(first, 4000);
  pace.end(second, 4000);
  pace.begin(17 * MiB, 4000);
  // 16 MiB in 4 s
  assertWindow(pace, 16 * MiB, 8 * MiB);
  let [written, nowMs] = [16 * MiB, 4000];
  for (let pieces = 0; pieces < 10; pieces += 1) {
    written += 2 * MiB;
    const piece = pace.begin(written, nowMs);
    nowMs += 500;
    pace.end(piece, nowMs);
    assert.equal(advice(pace, written + 8.1 * MiB).hold, true);
  }
});

test("what was long ago does not count", () => {
  const pace = new Pace(0);
  let [written, nowMs] = [0, 0];
  const arrive = (bytes: number, ms: number) => {
    written += bytes;
    const piece = pace.begin(written, nowMs);
    nowMs += ms;
    pace.end(piece, nowMs);
  };
  for (let pieces = 0; pieces < 20; pieces += 1) arrive(100 * MiB, 1000);
  arrive(20 * MiB, 20_000);
  pace.begin(written, nowMs);
  // 1 MiB a second
  assertWindow(pace, written, 2 * MiB);
});

test("a time in which nothing is on its way says nothing about the link", () => {
  const pace = new Pace(0);
  pace.end(pace.begin(5 * MiB, 0), 1000);
  pace.end(pace.begin(10 * MiB, 60_000), 61_000);
  pace.begin(11 * MiB, 61_000);
  assertWindow(pace, 10 * MiB, 10 * MiB);
});

test("nothing that was written twice is counted as less than nothing", () => {
  const pace = new Pace(0);
  pace.end(pace.begin(8 * MiB, 0), 1000);
  // one of the processes has ended, and its share with it
  assert.deepEqual(advice(pace, 3 * MiB, 1010), nothing);
});

test("a fast copy is looked at sooner, the nearer it comes to where there is something to do", () => {
  const pace = new Pace(1000);
  assert.equal(pace.advise(0, 1000).lookInMs, 50);
  // 2 MiB are a piece; at 32 KiB a millisecond
  assert.equal(pace.advise(MiB, 1032).lookInMs, 32);
  assert.equal(pace.advise(1.5 * MiB, 1048).lookInMs, 16);
  assert.equal(pace.advise(1.9375 * MiB, 1062).lookInMs, 10);
});

test("one that has waited is as fast as before", () => {
  const pace = new Pace(0);
  pace.begin(2 * MiB, 0);
  assert.equal(pace.advise(5 * MiB, 20).hold, true);
  const [first, second] = [pace.begin(5 * MiB, 20), pace.begin(5 * MiB, 20)];
  pace.end(first, 10_000);
  pace.end(second, 10_000);
  // standing still for that long was not its own doing: 2 MiB are 8 ms away
  assert.equal(pace.advise(5 * MiB, 10_000).lookInMs, 10);
});

/**
 * A link that carries so much in a second, one piece after the other, and needs so long for a piece's journal after its data;
 * and a copy that writes so much while nobody looks.
 */
function copyOver(link: { bytesPerMs: number; journalMs: number }, copyBytesPerMs: number, all: number) {
  const pace = new Pace(0);
  const onTheirWay: { piece: ReturnType<Pace["begin"]>; endMs: number }[] = [];
  let [written, begun, linkFreeMs, nowMs, largestLoss, arrived] = [0, 0, 0, 0, 0, 0];
  const send = () => {
    linkFreeMs = Math.max(linkFreeMs, nowMs) + (written - begun) / link.bytesPerMs;
    onTheirWay.push({ piece: pace.begin(written, nowMs), endMs: linkFreeMs + link.journalMs });
    begun = written;
  };
  const arriveBy = (ms: number) => {
    for (let next = onTheirWay[0]; next !== undefined && next.endMs <= ms; next = onTheirWay[0]) {
      onTheirWay.shift();
      pace.end(next.piece, next.endMs);
      arrived = next.piece.upTo;
    }
    nowMs = ms;
  };
  while (arrived < all) {
    const { sync, hold, lookInMs } = pace.advise(written, nowMs);
    if (sync || (written === all && onTheirWay.length === 0)) send();
    if (hold || written === all) arriveBy(onTheirWay[0]?.endMs ?? nowMs);
    else {
      arriveBy(nowMs + lookInMs);
      written = Math.min(all, written + copyBytesPerMs * lookInMs);
    }
    // before anything has arrived, nothing is known of either
    if (arrived > 0) largestLoss = Math.max(largestLoss, written - arrived);
  }
  return { tookMs: nowMs, largestLoss };
}

test("the link does not stand still while a piece's journal is written, and little is lost with it", () => {
  const bytesPerMs = (5 * MiB) / 1000;
  for (const copyBytesPerMs of [20, 100, 500].map((MiBs) => (MiBs * MiB) / 1000)) {
    for (const journalMs of [50, 500]) {
      const { tookMs, largestLoss } = copyOver({ bytesPerMs, journalMs }, copyBytesPerMs, 200 * MiB);
      const what = `${(copyBytesPerMs * 1000) / MiB} MiB/s, ${journalMs} ms: ${tookMs} ms, ${largestLoss / MiB} MiB`;
      assert.ok(tookMs < 1.25 * 40_000, what);
      // the window, and what is written in the shortest time in which it is looked at, twice
      assert.ok(largestLoss < 11 * MiB + 20 * copyBytesPerMs, what);
    }
  }
});
