import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readRequest, type Said } from "../../../../controller/stream/incoming.ts";
import {
  ConnectRequest,
  Hello,
  Inventory,
  PermitRequest,
  RunReport,
  Trust,
} from "../../../../proto/gen/luksmith/v1/fleet.ts";
import { RunEvent, RunState, Verb } from "../../../../proto/gen/luksmith/v1/types.ts";

const now = new Date(Date.UTC(2026, 10, 28));

const read = (kind: Said) => readRequest(ConnectRequest.encode({ kind }).finish(), now);

const report = (run: object): Said => ({
  $case: "runReport",
  value: RunReport.fromPartial({
    run: { id: "r1", verb: Verb.BACKUP, state: RunState.RUNNING, startedAt: now, ...run },
  }),
});

const events = (...list: object[]): Said => ({
  $case: "runEvents",
  value: { runId: "r1", events: list.map((event) => RunEvent.fromPartial(event)) },
});

const inventory = (value: object): Said => ({ $case: "inventory", value: Inventory.fromPartial(value) });

describe("what an agent sends", () => {
  it("is read when it is what agents send", () => {
    assert.equal(read({ $case: "hello", value: Hello.fromPartial({ instance: "i1" }) }).$case, "hello");
    assert.equal(read(report({})).$case, "runReport");
    assert.equal(read(events({ seq: 1 }, { seq: 2 })).$case, "runEvents");
    assert.equal(read(inventory({ jobs: [{ name: "home" }, { name: "etc" }] })).$case, "inventory");
  });

  const faults: [string, Said, RegExp][] = [
    ["a start of nobody's", { $case: "hello", value: Hello.create() }, /which start/],
    ["a run without an id", report({ id: "" }), /id of a run/],
    ["a run with another's path as id", report({ id: "../r1" }), /id of a run/],
    ["a state that is none", report({ state: 99 }), /state of a run/],
    ["a report of nothing", { $case: "runReport", value: RunReport.create() }, /about a run/],
    ["a job with a name without end", report({ job: "x".repeat(300) }), /name is too long/],
    ["an event before the first", events({ seq: 0 }), /number of an event/],
    ["an event of the far future", events({ seq: 2_000_000 }), /number of an event/],
    ["thousands of events at once", events(...Array.from({ length: 2001 }, () => ({ seq: 1 }))), /too many events/],
    ["a job twice", inventory({ jobs: [{ name: "a" }, { name: "a" }] }), /one name/],
    ["a job that no configuration has", inventory({ jobs: [{ name: "-a" }] }), /name of a job/],
    [
      "a thousand volumes and one",
      inventory({ volumes: Array.from({ length: 1001 }, () => ({ name: "v" })) }),
      /too many vol/,
    ],
    [
      "a permit for no moment",
      { $case: "permitRequest", value: PermitRequest.fromPartial({ schedule: "s" }) },
      /moment/,
    ],
    ["an answer to nothing", { $case: "dispatchAnswer", value: { id: "", runId: "", error: undefined } }, /dispatch/],
    [
      "trust in what is no fingerprint",
      { $case: "trust", value: Trust.fromPartial({ authorities: ["x"], expires: now }) },
      /fingerprint/,
    ],
    [
      "controllers without an end",
      { $case: "trust", value: Trust.fromPartial({ revokedControllers: Array.from({ length: 65 }, () => "c") }) },
      /controllers/,
    ],
    [
      "addresses without an end",
      { $case: "trust", value: Trust.fromPartial({ addresses: Array.from({ length: 65 }, () => "c:1") }) },
      /addresses/,
    ],
    [
      "an address that is none",
      { $case: "trust", value: Trust.fromPartial({ addresses: [`${"c".repeat(300)}:1`] }) },
      /addresses/,
    ],
  ];
  for (const [what, said, message] of faults) {
    it(`is refused: ${what}`, () => {
      assert.throws(() => read(said), { code: "usage", message });
    });
  }

  it("is refused when it is no message, or of a kind that is not known", () => {
    assert.throws(() => readRequest(Buffer.from([0xff, 0xff, 0xff]), now), {
      code: "usage",
      message: /cannot be read/,
    });
    assert.throws(() => readRequest(Buffer.alloc(0), now), { code: "usage", message: /not known/ });
    // field 100, of which this program knows nothing
    assert.throws(() => readRequest(Buffer.from([0xa2, 0x06, 0x00]), now), { code: "usage", message: /not known/ });
  });

  it("is not newer than now, whatever the machine's clock says", () => {
    const said = read(report({ startedAt: new Date(now.getTime() + 48 * 3_600_000), state: RunState.DONE }));
    assert.equal(said.$case, "runReport");
    const run = said.$case === "runReport" ? said.value.run : undefined;
    assert.deepEqual([run?.startedAt, run?.finishedAt], [now, now]);
    const ahead = read(report({ startedAt: new Date(now.getTime() + 3_600_000) }));
    assert.ok(ahead.$case === "runReport" && ahead.value.run?.startedAt?.getTime() === now.getTime() + 3_600_000);
  });
});
