import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Action, decide, rights } from "../../../controller/operators/rights.ts";
import { ControllerServiceService } from "../../../proto/gen/luksmith/v1/controller.ts";

const viewer = { name: "vera", role: "viewer", isWholeFleet: true } as const;
const operator = { name: "olga", role: "operator", isWholeFleet: true } as const;
const admin = { name: "root", role: "admin", isWholeFleet: true } as const;
const scoped = { ...admin, name: "sam", isWholeFleet: false };

function allowedTo(who: Parameters<typeof decide>[0]): string[] {
  return (Object.keys(rights) as Action[]).filter((action) => decide(who, action).allowed).toSorted();
}

describe("what each role may do", () => {
  it("is said of every call that there is", () => {
    assert.deepEqual(Object.keys(rights).toSorted(), Object.keys(ControllerServiceService).toSorted());
    assert.deepEqual(allowedTo(admin), Object.keys(rights).toSorted());
  });

  const sees = [
    ...["getFleet", "listAlerts", "listControllers", "listDispatches", "listFleetRuns", "listMachines"],
    ...["listSchedules", "renewOperator", "watchDispatches", "watchFleet", "watchFleetRun"],
  ];
  const acts = ["cancelFleetRun", "dispatch", "listFleetFiles", "listFleetSnapshots"];

  it("is to see, for a viewer", () => assert.deepEqual(allowedTo(viewer), sees));

  it("is to start and cancel, too, for an operator", () => {
    assert.deepEqual(allowedTo(operator), [...sees, ...acts].toSorted());
  });

  it("is what is about machines alone, with a scope", () => {
    const machines = [...sees.filter((action) => action !== "listControllers"), ...acts];
    assert.deepEqual(allowedTo(scoped), [...machines, "forgetMachine", "revokeMachine"].toSorted());
  });

  it("is on record when it changes something", () => {
    const silent = (Object.keys(rights) as Action[]).filter((action) => !rights[action].changes);
    assert.ok(silent.every((action) => /^(get|list|watch)/.test(action)));
  });

  it("is refused with what it would take", () => {
    assert.deepEqual(decide(viewer, "dispatch"), {
      allowed: false,
      reason: "vera may not start runs",
      hint: "that takes the role operator, and vera has the role viewer",
    });
    assert.deepEqual(decide(scoped, "applySchedules"), {
      allowed: false,
      reason: "sam may not change schedules: that is about the whole fleet",
      hint: "that takes an operator without a scope, with the role admin",
    });
  });
});
