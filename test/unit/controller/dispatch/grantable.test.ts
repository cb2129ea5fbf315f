import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { grantable, heldMs, isWorthLooking } from "../../../../controller/dispatch/grantable.ts";
import type { Permit } from "../../../../controller/store/permits.ts";
import type { PermitLimits } from "../../../../controller/stream/fleet-rules.ts";

let asked = 0;

function permit(machineId: string, backupHost: string, schedule = "s"): Permit {
  asked += 1;
  const nothing = { job: "home", volume: "", grantedMs: undefined, expiresMs: 9e9 };
  return { schedule, occurrenceMs: 1, machineId, backupHost, askedMs: asked, ...nothing };
}

const limits = (fleet: number | undefined, perBackupHost: number | undefined): Map<string, PermitLimits> =>
  new Map([["s", { fleet, perBackupHost }]]);

const ids = (permits: readonly Permit[]) => permits.map(({ machineId }) => machineId);

describe("those that wait", () => {
  const count = (waiting: number, granted: number, expiresMs = 2000) => [
    { schedule: "s", waiting, granted, expiresMs },
  ];

  it("are looked at while there is room, and when one is lost", () => {
    assert.equal(isWorthLooking([], limits(2, undefined), 1000), false);
    assert.equal(isWorthLooking(count(9, 1), limits(2, undefined), 1000), true);
    assert.equal(isWorthLooking(count(9, 2), limits(2, undefined), 1000), false);
    assert.equal(isWorthLooking(count(0, 1), limits(2, undefined), 1000), false);
    assert.equal(isWorthLooking(count(9, 2), limits(2, undefined), 2000), true);
    assert.equal(isWorthLooking(count(0, 1), limits(2, undefined), 2000), true);
  });

  it("are looked at where backup hosts alone have limits, or none is known", () => {
    assert.equal(isWorthLooking(count(9, 200), limits(undefined, 1), 1000), true);
    assert.equal(isWorthLooking(count(1, 200), new Map(), 1000), true);
  });
});

describe("who may begin", () => {
  it("is as many as the schedule has at once, oldest first", () => {
    const waiting = [permit("m1", "a"), permit("m2", "a"), permit("m3", "a")];
    assert.deepEqual(ids(grantable(waiting, [], limits(2, undefined))), ["m1", "m2"]);
    assert.deepEqual(ids(grantable(waiting, [permit("m0", "a")], limits(2, undefined))), ["m1"]);
    assert.deepEqual(ids(grantable(waiting, [permit("m0", "a"), permit("m9", "b")], limits(2, undefined))), []);
  });

  it("is as many as a backup host has at once; who waits for one host holds up none for another", () => {
    const waiting = [permit("m1", "a"), permit("m2", "a"), permit("m3", "b"), permit("m4", "")];
    assert.deepEqual(ids(grantable(waiting, [], limits(undefined, 1))), ["m1", "m3", "m4"]);
    // the host has the load of other schedules as well
    assert.deepEqual(ids(grantable(waiting, [permit("m0", "a", "t")], limits(undefined, 1))), ["m3", "m4"]);
  });

  it("is bound by both", () => {
    const waiting = [permit("m1", "a"), permit("m2", "a"), permit("m3", "b"), permit("m4", "c")];
    assert.deepEqual(ids(grantable(waiting, [], limits(2, 1))), ["m1", "m3"]);
  });

  it("is everybody where there is no limit, and nobody where it is none", () => {
    const waiting = [permit("m1", "a"), permit("m2", "a")];
    assert.deepEqual(ids(grantable(waiting, [], new Map())), ["m1", "m2"]);
    assert.deepEqual(ids(grantable(waiting, [], limits(0, undefined))), []);
  });

  it("is each machine once for each schedule, however many jobs it says to have", () => {
    const both = new Map([...limits(5, undefined), ["t", { fleet: 5, perBackupHost: undefined }] as const]);
    const greedy = Array.from({ length: 20 }, () => permit("m1", "a"));
    const waiting = [...greedy, permit("m2", "a"), permit("m1", "a", "t")];
    assert.deepEqual(ids(grantable(waiting, [], both)), ["m1", "m2", "m1"]);
    assert.deepEqual(ids(grantable(waiting, [permit("m1", "a")], both)), ["m2", "m1"]);
  });

  it("is for as long as a run can take, or for a day", () => {
    assert.equal(heldMs(undefined), 24 * 3_600_000);
    assert.equal(heldMs(0), 24 * 3_600_000);
    assert.equal(heldMs(3_600_000), 75 * 60_000);
  });
});
