import assert from "node:assert/strict";
import { test } from "node:test";
import type { Alert } from "../../../../controller/alerts/alert.ts";
import type { AlertKind } from "../../../../controller/alerts/condition.ts";
import { type EndingMachine, withEndings } from "../../../../controller/alerts/ending.ts";

const over = (kind: AlertKind, job: string): Alert => ({
  ...{ id: "a1", subject: "s", kind, machineId: "m1", job, sinceMs: 1, message: "as it was" },
  ...{ state: "resolved", seenMs: 1, firedMs: 2, clearMs: 3, resolvedMs: 4, flaps: 0, notified: 1, notifiedMs: 2 },
});
const has = (jobs: readonly string[], expected: readonly string[] = jobs): EndingMachine => ({
  jobs: jobs.map((job) => ({ job, sinceMs: 1, lastGoodMs: undefined })),
  expectations: expected.map((job) => ({ job, maxAgeMs: 1, sinceMs: 1 })),
});

function said(alert: Alert, machine: EndingMachine): string {
  return withEndings({ put: [alert], drop: [] }, () => machine)
    .put.map(({ message }) => message)
    .join();
}

test("how an alert has ended, when nothing was made good", () => {
  const cases: [AlertKind, string, EndingMachine, RegExp][] = [
    ["overdue", "home", has(["home"]), /^as it was$/],
    ["failing", "home", has(["home"], []), /^as it was$/],
    ["failing", "", has([]), /^as it was$/],
    ["late", "home", has([]), /^as it was$/],
    ["clock", "", has([]), /^as it was$/],
    ["overdue", "home", has(["etc"]), /^not made good, but no schedule names .* tells of no such job \(as it was\)$/],
    ["failing", "home", has(["etc"]), /but the job is no longer in the machine's configuration/],
    ["overdue", "home", has([], ["*"]), /but no schedule names the job/],
    ["overdue", "home", has(["home"], []), /but no schedule asks for it any more/],
    ["overdue", "*", has([]), /but no schedule asks for it any more/],
    ["overdue", "*", has(["home"]), /but the machine tells of its jobs now/],
    ["clock", "", undefined, /but the machine is no longer one of the fleet/],
  ];
  for (const [kind, job, machine, message] of cases) assert.match(said(over(kind, job), machine), message);
  assert.equal(said({ ...over("overdue", "home"), state: "firing" }, undefined), "as it was");
});
