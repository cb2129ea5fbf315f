import assert from "node:assert/strict";
import { Duplex } from "node:stream";
import { describe, it } from "node:test";
import type { Clock } from "../../../../common/clock.ts";
import { systemClock } from "../../../../common/clock.ts";
import { AgentWire, type ToAgent } from "../../../../controller/stream/agent-wire.ts";
import type { ConnectResponse } from "../../../../proto/gen/luksmith/v1/fleet.ts";

const recorded: ToAgent = { $case: "recorded", value: { runId: "r1", seq: 1, ended: false } };
const stopping = { reason: "stopping", message: "", retryAfterMs: 0 };
/** Farewells take no time here. */
const hastyClock: Clock = { ...systemClock, sleep: (_ms, signal) => systemClock.sleep(0, signal) };

/** The other end of a stream: what it has read, and whether it reads at all. */
class OtherEnd {
  readonly read: ConnectResponse[] = [];
  readonly stream: Duplex & { cancelled: boolean };
  #isReading = true;
  #goOn: () => void = () => undefined;

  constructor() {
    const stream = new Duplex({
      objectMode: true,
      read: () => undefined,
      write: (response: ConnectResponse, _encoding, done) => {
        const take = () => {
          this.read.push(response);
          done();
        };
        if (this.#isReading) take();
        else this.#goOn = take;
      },
    });
    this.stream = Object.assign(stream, { cancelled: false });
  }

  stopReading(): void {
    this.#isReading = false;
  }

  readOn(): void {
    this.#isReading = true;
    this.#goOn();
  }

  say(messages: number): void {
    for (let left = messages; left > 0; left -= 1) this.stream.push(Buffer.from([1]));
  }

  end(): void {
    this.stream.push(null);
  }
}

async function turns(count: number): Promise<void> {
  for (let left = count; left > 0; left -= 1) await new Promise((resolve) => setImmediate(resolve));
}

describe("the wire to an agent", () => {
  it("is gone when the agent has gone, also while a message is being taken, and when it was closed", async () => {
    const [gone, closed] = [new OtherEnd(), new OtherEnd()];
    const wire = new AgentWire(gone.stream, hastyClock);
    assert.equal(wire.isGone, false);
    gone.stream.cancelled = true;
    assert.equal(wire.isGone, true);
    const other = new AgentWire(closed.stream, hastyClock);
    other.close();
    assert.equal(other.isGone, true);
  });

  it("hears no more of one that does not read the answers, until it does", async () => {
    const other = new OtherEnd();
    const wire = new AgentWire(other.stream, hastyClock);
    let taken = 0;
    const reading = wire.read(async () => {
      taken += 1;
      wire.send(recorded);
    });
    other.stopReading();
    other.say(300);
    await turns(1000);
    assert.ok(taken > 10 && taken < 100, `${taken} were taken`);
    assert.equal(wire.over.aborted, false);
    assert.equal(wire.waitingSinceMs, undefined, "it is not silent: it is not listened to");
    other.readOn();
    await turns(1000);
    assert.equal(taken, 300);
    assert.equal(other.read.length, 300);
    other.end();
    await reading;
    assert.equal(wire.over.aborted, true);
  });

  it("is cut when it is sent more than it ever reads", async () => {
    const other = new OtherEnd();
    const wire = new AgentWire(other.stream, hastyClock);
    const reading = wire.read(async () => undefined);
    other.stopReading();
    for (let count = 0; count < 600; count += 1) wire.send(recorded);
    await reading;
    assert.equal(wire.over.aborted, true);
    assert.equal(other.stream.destroyed, true);
  });

  it("knows whether somebody was there to hear the farewell", async () => {
    const [polite, gone] = [new OtherEnd(), new OtherEnd()];
    const politeWire = new AgentWire(polite.stream, systemClock);
    const goneWire = new AgentWire(gone.stream, hastyClock);
    const reading = [politeWire.read(async () => undefined), goneWire.read(async () => undefined)];
    const farewell = politeWire.sayGoodbye(stopping);
    await turns(2);
    assert.deepEqual(
      polite.read.map(({ kind }) => kind?.$case),
      ["goodbye"],
    );
    polite.end();
    assert.equal(await farewell, true);
    assert.equal(await goneWire.sayGoodbye(stopping), false);
    await Promise.all(reading);
  });

  it("hears nothing after the farewell", async () => {
    const other = new OtherEnd();
    const wire = new AgentWire(other.stream, systemClock);
    let taken = 0;
    const reading = wire.read(async () => {
      taken += 1;
    });
    other.say(1);
    await turns(10);
    const farewell = wire.sayGoodbye(stopping);
    other.say(5);
    wire.send(recorded);
    await turns(10);
    other.end();
    await farewell;
    await reading;
    assert.equal(taken, 1);
    assert.equal(other.read.length, 1);
  });
});
