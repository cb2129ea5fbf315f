import assert from "node:assert/strict";
import { it } from "node:test";
import { systemClock } from "../../../../common/clock.ts";
import { waitUntil } from "../../../../common/wait-until.ts";
import { recordTurnedAway } from "../../../../controller/listen/turned-away.ts";
import { listAudit } from "../../../../controller/store/audit.ts";
import { eachStore } from "../harness/each-store.ts";
import { silent } from "../harness/fleet-scene.ts";

eachStore("certificates that do not count", (scene) => {
  it("are on record by whose they are, and none fills it", async () => {
    const store = await scene.open();
    const record = recordTurnedAway(store, systemClock, silent);
    const address = "192.0.2.7";
    const machine = { kind: "machine", name: "m1" } as const;
    for (let tries = 0; tries < 50; tries += 1) record({ refusal: "revoked", claimed: machine, address });
    record({ refusal: "foreign", claimed: undefined, address });
    record({ refusal: "unchecked", claimed: machine, address });
    record({ refusal: "expired", claimed: { kind: "operator", name: "anna" }, address });
    const lines = () => listAudit(store.database, { operator: undefined, sinceMs: undefined, limit: 100 });
    await waitUntil(systemClock, 10_000, async () => (await lines()).length === 4);
    const [line] = (await lines()).filter(({ target }) => target === "operator anna");
    assert.deepEqual(
      { action: line?.action, allowed: line?.allowed, detail: line?.detail },
      { action: "connect", allowed: false, detail: "the certificate has expired, from 192.0.2.7" },
    );
    assert.equal((await lines()).filter(({ target }) => target === "machine m1").length, 3);
  });
});
