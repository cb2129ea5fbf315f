/** A controller that the others have forgotten, and that lives. */

import assert from "node:assert/strict";
import { afterEach, it } from "node:test";
import { systemClock } from "../../../common/clock.ts";
import { Presence } from "../../../controller/presence.ts";
import { forgetControllers, listControllers } from "../../../controller/store/controllers.ts";
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
    const presence = new Presence(fleet.store, systemClock, silent, "c1", () => fleet.fleet.sessions.takeBack());
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
});
