/** A controller that the others have forgotten, and that lives. */

import assert from "node:assert/strict";
import { afterEach, it } from "node:test";
import { systemClock } from "../../../common/clock.ts";
import { Presence } from "../../../controller/presence.ts";
import {
  forgetControllers,
  listControllers,
  listRevokedControllers,
  revokeController,
} from "../../../controller/store/controllers.ts";
import { getMachine } from "../../../controller/store/machines.ts";
import { eachStore } from "./harness/each-store.ts";
import { silent } from "./harness/fleet-scene.ts";
import { until } from "./harness/test-agent.ts";
import { TestFleet } from "./harness/test-fleet.ts";

eachStore("a controller that was away for long", (scene) => {
  const ends: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0).toReversed()) await end();
  });

  it("is one of them again, and has the machines that are connected to it", async () => {
    const fleet = await TestFleet.start(await scene.open());
    ends.push(() => fleet.close());
    const { database } = fleet.store;
    const presence = new Presence(fleet.store, systemClock, silent, "c1", {
      takeBack: () => fleet.fleet.sessions.takeBack(),
      revoked: () => assert.fail("nobody has revoked it"),
    });
    await presence.begin("127.0.0.1:1", "1");
    ends.push(() => presence.end());
    await fleet.machine("m1");
    await (await fleet.agent("m1")).join();
    assert.deepEqual(await forgetControllers(database, Date.now() + 60_000), ["c1"]);
    assert.equal((await getMachine(database, "m1"))?.controllerId, undefined);
    await until(
      async () =>
        (await getMachine(database, "m1"))?.controllerId === "c1" && (await listControllers(database)).length === 1,
      () => "the controller is forgotten for good",
    );
  });

  it("is told that it was revoked, and does not come back", async () => {
    const store = await scene.open();
    const told = Promise.withResolvers<void>();
    const presence = new Presence(store, systemClock, silent, "c1", {
      takeBack: () => Promise.reject(new Error("nobody is connected")),
      revoked: () => told.resolve(),
    });
    await presence.begin("127.0.0.1:1", "1");
    ends.push(() => presence.end());
    await revokeController(store.database, { id: "c1", revokedMs: Date.now(), revokedBy: "alice" });
    await told.promise;
    assert.deepEqual(await listControllers(store.database), []);
    assert.deepEqual(
      (await listRevokedControllers(store.database)).map(({ id, revokedBy }) => [id, revokedBy]),
      [["c1", "alice"]],
    );
  });
});
