import assert from "node:assert/strict";
import { it } from "node:test";
import { pino } from "pino";
import { systemClock } from "../../../common/clock.ts";
import { Retention } from "../../../controller/retention.ts";
import { addEvents } from "../../../controller/store/run-events.ts";
import { recordRuns } from "../../../controller/store/runs.ts";
import { RunState } from "../../../proto/gen/luksmith/v1/types.ts";
import { eachStore } from "./harness/each-store.ts";
import { encodedNote, reportOf } from "./harness/fleet-rows.ts";

const dayMs = 86_400_000;

eachStore("what is old", (scene) => {
  it("goes: events first, runs later, the newest good backup never", async () => {
    const store = await scene.open();
    const { database } = store;
    const nowMs = Date.now();
    const days = Array.from({ length: 250 }, (_, index) => index * 2);
    await recordRuns(
      database,
      days.map((age) => ({
        machineId: "m1",
        report: reportOf(`r${age}`, { state: RunState.FAILED, startedAt: new Date(nowMs - age * dayMs - 1000) }),
        lateMs: undefined,
      })),
    );
    const good = reportOf("good", { state: RunState.DONE, startedAt: new Date(nowMs - 499 * dayMs) });
    await recordRuns(database, [{ machineId: "m1", report: good, lateMs: undefined }]);
    await addEvents(
      database,
      days.map((age) => ({ machineId: "m1", runId: `r${age}`, seq: 1, event: encodedNote(1) })),
    );
    const kept = { eventsMs: 30 * dayMs, runsMs: 400 * dayMs };
    const retention = new Retention(store, kept, systemClock, pino({ level: "silent" }));
    for (let times = 0; times < 2; times += 1) {
      await retention.remove();
      const events = await database.selectFrom("run_events").select("run_id").execute();
      assert.equal(events.length, days.filter((age) => age < 30).length);
      const runs = await database.selectFrom("runs").select("run_id").execute();
      assert.equal(runs.length, days.filter((age) => age < 400).length + 1);
      assert.ok(runs.some(({ run_id }) => run_id === "good"));
    }
    await retention.close();
  });
});
