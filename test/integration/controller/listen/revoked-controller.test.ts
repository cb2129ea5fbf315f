/** A controller whose part in the fleet an operator has ended, on both databases. */

import assert from "node:assert/strict";
import { afterEach, it } from "node:test";
import { type Client, credentials, type ServiceError } from "@grpc/grpc-js";
import { systemClock } from "../../../../common/clock.ts";
import { fromServiceError } from "../../../../common/error-wire.ts";
import { makeKeyAndRequest } from "../../../../common/fleet/certificate-request.ts";
import { waitUntil } from "../../../../common/wait-until.ts";
import type { Authorities } from "../../../../controller/authority/authorities.ts";
import { ControllerChanges } from "../../../../controller/controller-changes.ts";
import { beginController } from "../../../../controller/store/controllers.ts";
import type { Store } from "../../../../controller/store/store.ts";
import { Fleet } from "../../../../controller/stream/fleet.ts";
import { relayService } from "../../../../controller/stream/relay.ts";
import { RelayServiceService } from "../../../../proto/gen/luksmith/v1/relay.ts";
import { eachStore } from "../harness/each-store.ts";
import { FleetScene, silent } from "../harness/fleet-scene.ts";
import { OpsScene } from "../harness/ops-scene.ts";
import { plentiful, TestRules } from "../harness/test-fleet.ts";

const { listProgress } = RelayServiceService;

/** What the controller that is called says to another one. */
function asks(client: Client): Promise<string> {
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      listProgress.path,
      listProgress.requestSerialize,
      listProgress.responseDeserialize,
      {},
      (error: ServiceError | null) => {
        resolve(error === null ? "answered" : (fromServiceError(error)?.message ?? error.details));
      },
    );
  });
}

eachStore("a controller that is revoked", (scene) => {
  const ends: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0).toReversed()) await end();
  });

  async function add(store: Store, authorities: Authorities) {
    const { key, request } = await makeKeyAndRequest();
    const { certificate, trusted } = await authorities.issueController("c2", request);
    const nowMs = systemClock.now().getTime();
    await beginController(store.database, {
      ...{ id: "c2", address: "c2.example:7443", version: "1", startedMs: nowMs, seenMs: nowMs },
    });
    return { trusted, own: { certificate, key } };
  }

  /** What one controller has for the others, behind its port. */
  async function relay() {
    const store = await scene.open();
    const rules = new TestRules();
    const options = { controllerId: "c1", store, rules, cut: () => undefined, clock: systemClock, log: silent };
    const relayChannel = () => ({ credentials: credentials.createInsecure(), options: {} });
    const { sessions } = new Fleet({ ...options, relayChannel, quota: plentiful });
    const fleet = await FleetScene.start(() => [[RelayServiceService, relayService(sessions, silent)]], { store });
    ends.push(() => fleet[Symbol.asyncDispose]());
    return { fleet, ...(await add(store, fleet.authorities)) };
  }

  async function operated() {
    const ops = await OpsScene.start(await scene.open());
    ends.push(() => ops[Symbol.asyncDispose]());
    await add(ops.store, ops.fleet.authorities);
    return { ops, admin: await ops.operator("root", "admin") };
  }

  it("is refused by the others at once, with the connections that it has and with new ones", async () => {
    const { fleet, trusted, own } = await relay();
    const before = fleet.client({ authorities: trusted, own });
    assert.equal(await asks(before), "answered");
    await new ControllerChanges(fleet.store, systemClock, "c1").revoke("c2", "alice");
    assert.notEqual(await asks(before), "answered");
    assert.match(await asks(fleet.client({ authorities: trusted, own })), /the certificate has been revoked/);
    assert.deepEqual(fleet.turnedAway.at(-1)?.claimed, { kind: "controller", name: "c2" });
    assert.ok(
      await waitUntil(systemClock, 20_000, () => fleet.listener.counts().controllers === 0),
      "it is cut off where it was connected",
    );
  });

  it("is not called, nor is another one in the place of the one that is meant", async () => {
    const { fleet, trusted: authorities, own } = await relay();
    assert.equal(await asks(fleet.client({ authorities, own, controller: "c1" })), "answered");
    assert.match(await asks(fleet.client({ authorities, own, controller: "c3" })), /that of another controller, c1/);
    assert.match(
      await asks(fleet.client({ authorities, own, revokedControllers: ["c1"] })),
      /the certificate of controller c1 has been revoked/,
    );
  });

  it("is shown as that, and on record", async () => {
    const { ops, admin } = await operated();
    // once more changes nothing
    for (const _ of [1, 2]) {
      const { controller } = await admin.unary.revokeController({ id: "c2" });
      assert.deepEqual([controller?.id, controller?.revoked, controller?.alive], ["c2", true, false]);
    }
    // and if it is not ours any more, it may go on saying that it lives
    await add(ops.store, ops.fleet.authorities);
    const { controllers } = await admin.unary.listControllers({});
    assert.deepEqual(
      controllers.map(({ id, revoked, alive }) => [id, revoked, alive]),
      [["c2", true, false]],
    );
    const { entries } = await admin.unary.listFleetAudit({ limit: 10, since: undefined, operator: "" });
    assert.ok(entries.some(({ action, target }) => action === "revokeController" && target === "c2"));
  });

  it("is none that there is not, and not the one that answers; and only an admin may", async () => {
    const { ops, admin } = await operated();
    await assert.rejects(admin.unary.revokeController({ id: "c3" }), { code: "not_found" });
    await assert.rejects(admin.unary.revokeController({ id: "c1" }), {
      code: "usage",
      message: /the controller that answers/,
    });
    const operator = await ops.operator("olga", "operator");
    await assert.rejects(operator.unary.revokeController({ id: "c2" }), { code: "denied" });
    const { controllers } = await admin.unary.listControllers({});
    assert.deepEqual(
      controllers.map(({ id, revoked }) => [id, revoked]),
      [["c2", false]],
    );
  });

  it("or not: each has one certificate on record, however often it was started", async () => {
    const { ops } = await operated();
    for (let starts = 0; starts < 3; starts += 1) {
      const { request } = await makeKeyAndRequest();
      await ops.fleet.authorities.issueController("c2", request);
    }
    const rows = await ops.store.database.selectFrom("certificates").select(["owner", "kind"]).execute();
    assert.deepEqual(
      rows
        .filter(({ kind }) => kind === "controller")
        .map(({ owner }) => owner)
        .toSorted(),
      ["c1", "c2"],
    );
  });
});
