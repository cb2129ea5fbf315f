import assert from "node:assert/strict";
import { test } from "node:test";
import { examineFleet } from "../../../agent/doctor/fleet.ts";
import {
  Finding_Level,
  FleetConnection,
  FleetConnection_State as State,
} from "../../../proto/gen/luksmith/v1/agent.ts";

const since = new Date("2026-11-23T02:00:00Z");
const error = { code: "unreachable", message: "no controller answers at a:1", hint: "" };

for (const [change, minutes, level, message] of [
  [{ state: State.NOT_ENROLLED }, 9, Finding_Level.OK, "this machine is in none"],
  [
    { state: State.CONNECTED, controller: "c1", address: "a:1" },
    9,
    Finding_Level.OK,
    "connected to c1 at a:1 for 9 min",
  ],
  [{ state: State.CONNECTING, address: "a:1" }, 1, Finding_Level.WARNING, "connecting to a:1"],
  [{ state: State.WAITING, error }, 14, Finding_Level.WARNING, "no controller answers at a:1"],
  [{ state: State.WAITING, error }, 15, Finding_Level.PROBLEM, "no controller answers at a:1; away for 15 min"],
  [{ state: State.UNUSABLE, error: { ...error, message: "revoked" } }, 0, Finding_Level.PROBLEM, "revoked"],
] as const) {
  test(`doctor: ${message}`, () => {
    const finding = examineFleet(
      FleetConnection.create({ since, ...change }),
      new Date(since.getTime() + minutes * 60_000),
    );
    assert.deepEqual([finding.level, finding.message], [level, message]);
    const isAway = change.state === State.CONNECTING || change.state === State.WAITING;
    assert.equal(finding.hint !== "", isAway);
  });
}
