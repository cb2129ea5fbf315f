import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { pino } from "pino";
import { LimitedLog } from "../../../controller/limited-log.ts";
import { ManualClock } from "../../integration/runs/manual-clock.ts";

function setUp() {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ level: "info" }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const clock = new ManualClock();
  return { lines, clock, limited: new LimitedLog(log, clock) };
}

describe("what others can have written in the log", () => {
  it("is a few lines about each, and how many more there were", () => {
    const { lines, clock, limited } = setUp();
    for (let times = 0; times < 50; times += 1) limited.warn("m1", { machine: "m1" }, "it floods");
    assert.equal(lines.length, 3);
    limited.error("m1", {}, "something else");
    assert.deepEqual([lines[3]?.msg, lines[3]?.level, lines[3]?.omittedBefore], ["something else", 50, 47]);
    limited.warn("m2", { machine: "m2" }, "it floods");
    assert.deepEqual([lines[4]?.machine, lines[4]?.omittedBefore], ["m2", undefined]);
    clock.advance(10 * 60_000);
    limited.warn("m1", {}, "it floods");
    limited.warn("m1", {}, "it floods");
    assert.equal(lines.length, 6);
  });

  it("is so many lines in all, whoever they are about", () => {
    const { lines, clock, limited } = setUp();
    for (let machine = 0; machine < 500; machine += 1) limited.warn(`m${machine}`, {}, "it floods");
    assert.equal(lines.length, 100);
    clock.advance(60_000);
    for (let machine = 0; machine < 500; machine += 1) limited.warn(`n${machine}`, {}, "it floods");
    assert.equal(lines.length, 130);
    assert.equal(lines[100]?.omittedBefore, 400);
  });
});
