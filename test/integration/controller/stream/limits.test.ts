/** What one agent can do to a controller, and to the others on it: nothing. */

import assert from "node:assert/strict";
import { afterEach, it } from "node:test";
import { pino } from "pino";
import type { Clock } from "../../../../common/clock.ts";
import { systemClock } from "../../../../common/clock.ts";
import type { Log } from "../../../../common/log.ts";
import { getMachine } from "../../../../controller/store/machines.ts";
import { eventsAfter } from "../../../../controller/store/run-events.ts";
import { Hello } from "../../../../proto/gen/luksmith/v1/fleet.ts";
import { eachStore } from "../harness/each-store.ts";
import { noteEvent, reportOf } from "../harness/fleet-rows.ts";
import { type FromAgent, type TestAgent, until } from "../harness/test-agent.ts";
import { TestFleet } from "../harness/test-fleet.ts";

/** Goes a hundred times as fast, as far as anybody but sleepers can see. */
class FastClock implements Clock {
  now = () => systemClock.now();
  monotonicMs = () => systemClock.monotonicMs() * 100;
  sleep = (ms: number, signal?: AbortSignal) => systemClock.sleep(ms / 100, signal);
}

async function assertServed(agent: TestAgent, runId: string): Promise<void> {
  const before = agent.told("recorded").length;
  agent.say({ $case: "runReport", value: reportOf(runId) });
  assert.equal((await agent.waitFor("recorded", before)).runId, runId);
}

eachStore("an agent that does as it likes", (scene) => {
  const fleets: TestFleet[] = [];
  afterEach(async () => {
    for (const fleet of fleets.splice(0)) await fleet.close();
  });
  const start = async (clock?: Clock, log?: Log) => {
    const fleet = await TestFleet.start(await scene.open(), "c1", clock, log === undefined ? {} : { log });
    fleets.push(fleet);
    for (const id of ["good", "bad"]) await fleet.machine(id);
    const [good, bad] = [await fleet.agent("good"), await fleet.agent("bad")];
    await good.join();
    return { fleet, good, bad };
  };

  const faults: [string, FromAgent[]][] = [
    ["says something before Hello", [{ $case: "runReport", value: reportOf("r1") }]],
    ["says Hello twice", [hello(), hello()]],
    ["sends a message that is none", [hello(), { $case: "runReport", value: reportOf("../etc/passwd") }]],
    ["has two jobs of one name", [{ $case: "hello", value: withJobs("a", "a") }]],
  ];
  for (const [what, said] of faults) {
    it(`is told that it does not keep to the protocol: ${what}`, async () => {
      const { good, bad } = await start();
      bad.connect();
      for (const each of said) bad.say(each);
      assert.equal((await bad.waitFor("goodbye")).reason, "protocol");
      await bad.waitForEnd();
      await assertServed(good, "r1");
    });
  }

  it("is in the log a few times, with what it did and no more, and others are as well", async () => {
    const lines: string[] = [];
    const log = pino({ level: "info" }, { write: (line: string) => void lines.push(line) });
    const { fleet, good, bad } = await start(undefined, log);
    for (let times = 0; times < 10; times += 1) {
      const before = bad.told("goodbye").length;
      bad.connect();
      bad.say({ $case: "runReport", value: reportOf("r1") });
      await bad.waitFor("goodbye", before);
      await bad.waitForEnd();
    }
    const about = (id: string) =>
      lines.filter((line) => JSON.parse(line).machine === id).map((line) => JSON.parse(line));
    assert.equal(about("bad").length, 3);
    for (const line of about("bad")) {
      assert.equal(line.msg, "an agent does not keep to the protocol");
      assert.equal(line.reason, "the first message is Hello");
      assert.ok(!JSON.stringify(line).includes("    at "), JSON.stringify(line));
    }
    good.say({ $case: "hello", value: Hello.fromPartial({ instance: "i1" }) });
    await good.waitFor("goodbye");
    await until(
      () => about("good").length === 1,
      () => "the other one is not in the log",
    );
    assert.equal(about("good")[0]?.omittedBefore, 7);
    assert.equal(fleet.fleet.sessions.count, 0);
  });

  it("has a few streams at once, and no more", async () => {
    const { good, bad } = await start();
    for (let streams = 0; streams < 9; streams += 1) bad.connect();
    assert.equal((await bad.waitFor("goodbye")).reason, "limit");
    await assertServed(good, "r1");
  });

  it("loses its stream with a message of five megabytes, and nobody else does", async () => {
    const { fleet, good, bad } = await start();
    await bad.join();
    bad.say({ $case: "runEvents", value: { runId: "r1", events: [noteEvent(1, "x".repeat(5 * 2 ** 20))] } });
    await bad.waitForEnd();
    await assertServed(good, "r1");
    await until(
      async () => (await getMachine(fleet.store.database, "bad"))?.controllerId === undefined,
      () => "it counts as connected",
    );
  });

  it("waits when it floods the controller with events, and the others do not", async () => {
    const { fleet, good, bad } = await start();
    await bad.join();
    bad.say({ $case: "runReport", value: reportOf("r1") });
    let isThere = true;
    let seq = 0;
    const flood = () => {
      if (!isThere) return;
      for (let batch = 0; batch < 20; batch += 1) {
        const events = Array.from({ length: 1000 }, () => noteEvent(++seq, "flood ".repeat(10)));
        bad.say({ $case: "runEvents", value: { runId: "r1", events } });
      }
      if (seq < 200_000) setImmediate(flood);
    };
    flood();
    await until(
      async () => (await eventsAfter(fleet.store.database, "bad", "r1", 20_000, 1)).length > 0,
      () => "its first events are not stored",
    );
    for (let number = 1; number <= 5; number += 1) await assertServed(good, `r${number}`);
    // of 200,000 no more are taken than its allowance is: 50,000 at once, and then 100 a second
    await until(
      async () => (await eventsAfter(fleet.store.database, "bad", "r1", 49_000, 1)).length > 0,
      () => "what it may send is not stored",
    );
    await assertServed(good, "r9");
    assert.deepEqual(await eventsAfter(fleet.store.database, "bad", "r1", 80_000, 1), []);
    isThere = false;
    bad.leave();
  });

  it("is gone when nothing is heard of it for three intervals, and one that is heard of is not", async () => {
    const { fleet, good, bad } = await start(new FastClock());
    const beating = setInterval(() => good.say({ $case: "heartbeat", value: { time: new Date(), running: [] } }), 10);
    await bad.join();
    bad.way.freeze();
    await until(
      () => fleet.fleet.sessions.of("bad") === undefined,
      () => "it is still there",
    );
    assert.ok(fleet.fleet.sessions.of("good") !== undefined);
    clearInterval(beating);
    await assertServed(good, "r1");
    await until(
      async () => ((await getMachine(fleet.store.database, "good"))?.lastSeenMs ?? 0) > 0,
      () => "nobody knows when it was seen",
    );
  });
});

function hello(): FromAgent {
  return { $case: "hello", value: Hello.fromPartial({ instance: "i1" }) };
}

function withJobs(...names: string[]): Hello {
  return Hello.fromPartial({ instance: "i1", inventory: { jobs: names.map((name) => ({ name, volume: "v" })) } });
}
