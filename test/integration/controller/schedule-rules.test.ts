import assert from "node:assert/strict";
import { it } from "node:test";
import { systemClock } from "../../../common/clock.ts";
import { applySchedules } from "../../../controller/schedule/apply.ts";
import { readAssignments, readExpectations, readPermitLimits } from "../../../controller/schedule/rules.ts";
import { eachStore } from "./harness/each-store.ts";

const text = `
- { name: a, selector: env=prod, verb: backup, job: "*", cron: "0 2 * * *", maxAge: 26h, maxConcurrent: { fleet: 3 } }
- { name: b, selector: "name=web*", verb: backup, job: db, cron: "0 * * * *", maxAge: 3h }
- { name: c, selector: env=prod, verb: trim, volume: home, cron: "@weekly" }
`;
const head = { id: "m1", hostname: "h", state: "active", labels: { env: "prod" }, enrolledMs: 5 } as const;

eachStore("what schedules mean", (stores) => {
  it("is read once for many machines", async () => {
    const store = await stores.open();
    await applySchedules(store, systemClock, {
      ...{ text, fileName: "f", prune: false, everyMachine: false, dryRun: false, basis: undefined, by: "root" },
      record: async () => undefined,
    });
    const assignments = await readAssignments(store.database);
    const namesOf = (name: string | undefined) =>
      assignments({ ...head, name }).assignments.map(({ schedule }) => schedule);
    assert.deepEqual(namesOf("web1"), ["a", "b", "c"]);
    assert.deepEqual(namesOf("db1"), ["a", "c"]);
    assert.deepEqual(assignments({ ...head, name: undefined, state: "pending" }).assignments, []);
    const limits = await readPermitLimits(store.database);
    assert.deepEqual(limits.get("a"), { fleet: 3, perBackupHost: undefined, deadlineMs: undefined });
    const expected = await readExpectations(store.database);
    const jobs = [{ job: "home" }, { job: "db" }];
    const [{ since_ms: sinceMs } = { since_ms: 0 }] = await store.database
      .selectFrom("schedules")
      .select("since_ms")
      .execute();
    const hours = 3_600_000;
    assert.deepEqual(expected({ name: "web1", labels: head.labels, enrolledMs: 5, jobs }), [
      { job: "home", maxAgeMs: 26 * hours, sinceMs },
      { job: "db", maxAgeMs: 3 * hours, sinceMs },
    ]);
    // also of one that does not have the job
    assert.deepEqual(expected({ name: "web1", labels: {}, enrolledMs: 2 ** 50, jobs: [] }), [
      { job: "db", maxAgeMs: 3 * hours, sinceMs: 2 ** 50 },
    ]);
    assert.deepEqual(expected({ name: "db1", labels: {}, enrolledMs: 5, jobs }), []);
    // and when all that it has are meant, of one that tells of none
    assert.deepEqual(expected({ name: "db1", labels: head.labels, enrolledMs: 2 ** 50, jobs: [] }), [
      { job: "*", maxAgeMs: 26 * hours, sinceMs: 2 ** 50 },
    ]);
    assert.deepEqual(expected({ name: "web1", labels: head.labels, enrolledMs: 2 ** 50, jobs: [] }), [
      { job: "db", maxAgeMs: 3 * hours, sinceMs: 2 ** 50 },
    ]);
  });
});
