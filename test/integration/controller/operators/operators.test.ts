import assert from "node:assert/strict";
import { it } from "node:test";
import { type Action, rights } from "../../../../controller/operators/rights.ts";
import { listAudit } from "../../../../controller/store/audit.ts";
import { ControllerServiceService, Role } from "../../../../proto/gen/luksmith/v1/controller.ts";
import { eachStore } from "../harness/each-store.ts";
import { OpsScene } from "../harness/ops-scene.ts";

const everything = { operator: undefined, sinceMs: undefined, limit: 100 };

eachStore("operators", (stores) => {
  it("are created, with a key that the controller never has, and see what they may", async () => {
    await using scene = await OpsScene.start(await stores.open());
    const admin = await scene.operator("root", "admin");
    const { key, request } = await scene.request();
    const made = await admin.unary.createOperator({
      ...{ name: "alice", role: Role.OPERATOR, scope: " env = test ", certificateRequest: request },
    });
    assert.equal(made.operator?.scope, "env=test");
    assert.equal(made.operator?.role, Role.OPERATOR);
    assert.deepEqual(made.credentials?.addresses, ["c1.example:7443"]);
    const alice = await scene.calls({ certificate: made.credentials?.certificate ?? "", key });
    const fleet = await alice.unary.getFleet({});
    assert.equal(fleet.operator?.name, "alice");
    assert.ok((fleet.operator?.expiresAt?.getTime() ?? 0) > Date.now());
    const listed = await admin.unary.listOperators({});
    assert.deepEqual(
      listed.operators.map(({ name, role, revoked }) => [name, role, revoked]),
      [
        ["alice", Role.OPERATOR, false],
        ["root", Role.ADMIN, false],
      ],
    );
    assert.ok(listed.operators[0]?.lastSeen);
  });

  it("who are revoked are cut at once, and their name can be given anew without their certificate", async () => {
    await using scene = await OpsScene.start(await stores.open());
    const admin = await scene.operator("root", "admin");
    const alice = await scene.operator("alice", "viewer");
    const watching = alice.client.watchFleet({ selector: "" });
    const cut = alice.read(watching);
    const failed = assert.rejects(cut);
    await alice.unary.getFleet({});
    const { operator } = await admin.unary.revokeOperator({ name: "alice" });
    assert.equal(operator?.revoked, true);
    await failed;
    await assert.rejects(alice.unary.getFleet({}));
    const { request } = await scene.request();
    const order = { name: "alice", role: Role.VIEWER, scope: "", certificateRequest: request };
    await admin.unary.createOperator(order);
    await assert.rejects(alice.unary.getFleet({}));
    await assert.rejects(admin.unary.createOperator(order), { code: "exists" });
  });

  it("renew their own certificates and nobody else's", async () => {
    await using scene = await OpsScene.start(await stores.open());
    const viewer = await scene.operator("vera", "viewer");
    const { key, request } = await scene.request();
    const { credentials } = await viewer.unary.renewOperator({ certificateRequest: request });
    const renewed = await scene.calls({ certificate: credentials?.certificate ?? "", key });
    assert.equal((await renewed.unary.getFleet({})).operator?.name, "vera");
    await assert.rejects(viewer.unary.renewOperator({ certificateRequest: Buffer.from("none") }), { code: "usage" });
  });

  it("always have an admin of the whole fleet among them", async () => {
    await using scene = await OpsScene.start(await stores.open());
    const admin = await scene.operator("root", "admin");
    await scene.operator("part", "admin", "env=test");
    await assert.rejects(admin.unary.revokeOperator({ name: "root" }), { code: "usage", message: /last admin/ });
    const second = await scene.operator("second", "admin");
    // two who revoke one another at once
    const both = await Promise.allSettled([
      admin.unary.revokeOperator({ name: "second" }),
      second.unary.revokeOperator({ name: "root" }),
    ]);
    assert.ok(both.some(({ status }) => status === "rejected"));
    const left = await scene.store.database
      .selectFrom("operators")
      .select("name")
      .where("revoked_ms", "is", null)
      .where("role", "=", "admin")
      .where("scope", "=", "")
      .execute();
    assert.equal(left.length, 1);
  });

  it("are refused what their role or scope does not reach, with what it takes, on record", async () => {
    await using scene = await OpsScene.start(await stores.open());
    const viewer = await scene.operator("vera", "viewer");
    const scoped = await scene.operator("sam", "admin", "env=test");
    const methods = Object.keys(ControllerServiceService) as Action[];
    const requestOf = (action: Action) => ControllerServiceService[action].requestDeserialize(Buffer.alloc(0)) as never;
    let refusals = 0;
    for (const action of methods) {
      if (ControllerServiceService[action].responseStream) continue;
      const { role, reach, words } = rights[action];
      if (role !== "viewer") {
        refusals += 1;
        await assert.rejects(viewer.unary[action](requestOf(action)), {
          code: "denied",
          message: `vera may not ${words}`,
          hint: `that takes the role ${role}, and vera has the role viewer`,
        });
      }
      if (reach === "fleet") {
        await assert.rejects(scoped.unary[action](requestOf(action)), {
          code: "denied",
          message: /whole fleet/,
          hint: /without a scope/,
        });
      }
    }
    assert.ok(refusals > 12);
    const lines = await listAudit(scene.store.database, { ...everything, operator: "vera" });
    assert.equal(lines.length, refusals);
    assert.ok(lines.every(({ allowed, detail }) => !allowed && detail.includes("viewer")));
  });

  it("leave a record of what they change, and none of what they look at", async () => {
    await using scene = await OpsScene.start(await stores.open());
    const admin = await scene.operator("root", "admin");
    await scene.machine("m1", { env: "test" });
    await admin.unary.listMachines({ selector: "", jobs: false });
    await admin.unary.changeMachine({ machine: "m1", name: "", set: [{ name: "env", value: "prod" }], remove: ["x"] });
    const { entries } = await admin.unary.listFleetAudit({ limit: 0, operator: "root", since: undefined });
    assert.deepEqual(
      entries.map(({ action, target, allowed }) => [action, target, allowed]),
      [["changeMachine", "m1 env=prod x-", true]],
    );
    const later = await admin.unary.listFleetAudit({ limit: 0, operator: "", since: new Date(Date.now() + 60_000) });
    assert.deepEqual(later.entries, []);
  });

  it("who are machines are told so", async () => {
    await using scene = await OpsScene.start(await stores.open());
    const machine = await scene.calls(await scene.fleet.machine("m9"));
    await assert.rejects(machine.unary.getFleet({}), { code: "denied" });
  });
});
