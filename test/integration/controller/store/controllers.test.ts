import assert from "node:assert/strict";
import { it } from "node:test";
import {
  beginController,
  forgetControllers,
  listControllers,
  seeController,
} from "../../../../controller/store/controllers.ts";
import type { Database } from "../../../../controller/store/schema.ts";
import { eachStore } from "../harness/each-store.ts";

const row = (id: string, startedMs: number) => ({
  id,
  address: `${id}:7443`,
  version: "1",
  startedMs,
  seenMs: startedMs,
});

async function machineAt(database: Database, id: string, controller: string): Promise<void> {
  const bytes = new Uint8Array();
  await database
    .insertInto("machines")
    .values({
      ...{ id, name: id, hostname: id, state: "active", labels: "{}", version: "1", token_id: "", enrolled_ms: 1 },
      ...{ last_seen_ms: 1, clock_skew_ms: 0, controller_id: controller, instance: "", stream: 1, inventory: bytes },
      ...{ trust: bytes, schedules_revision: "", notice: "" },
    })
    .execute();
}

eachStore("the controllers", (scene) => {
  it("are known while they are heard of", async () => {
    const { database } = await scene.open();
    await beginController(database, row("a", 1000));
    await beginController(database, row("b", 2000));
    await seeController(database, "a", 5000);
    assert.deepEqual(
      (await listControllers(database)).map(({ id, startedMs, seenMs }) => [id, startedMs, seenMs]),
      [
        ["a", 1000, 5000],
        ["b", 2000, 2000],
      ],
    );
  });

  it("begin anew under their id", async () => {
    const { database } = await scene.open();
    await beginController(database, row("a", 1000));
    await beginController(database, { ...row("a", 9000), address: "elsewhere:1" });
    assert.deepEqual(
      (await listControllers(database)).map(({ id, address, startedMs }) => [id, address, startedMs]),
      [["a", "elsewhere:1", 9000]],
    );
  });

  it("are forgotten with their machines, which are then away", async () => {
    const { database } = await scene.open();
    await beginController(database, row("a", 1000));
    await beginController(database, row("b", 2000));
    await machineAt(database, "m1", "a");
    await machineAt(database, "m2", "b");
    assert.deepEqual(await forgetControllers(database, 1500), ["a"]);
    const machines = await database.selectFrom("machines").select(["id", "controller_id"]).orderBy("id").execute();
    assert.deepEqual(
      machines.map(({ id, controller_id }) => [id, controller_id]),
      [
        ["m1", null],
        ["m2", "b"],
      ],
    );
  });
});
