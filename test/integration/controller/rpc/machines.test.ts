import assert from "node:assert/strict";
import { it } from "node:test";
import { listAudit } from "../../../../controller/store/audit.ts";
import { addDispatches, getDispatches } from "../../../../controller/store/dispatches.ts";
import { type ChangeMachineRequest, MachineState } from "../../../../proto/gen/luksmith/v1/controller.ts";
import { Work } from "../../../../proto/gen/luksmith/v1/fleet.ts";
import { RunState } from "../../../../proto/gen/luksmith/v1/types.ts";
import { eachStore } from "../harness/each-store.ts";
import { OpsScene } from "../harness/ops-scene.ts";

const noChange: Omit<ChangeMachineRequest, "machine"> = { name: "", set: [], remove: [] };

eachStore("machines for operators", (stores) => {
  it("are listed by selector and scope, with how their jobs stand", async () => {
    await using scene = await OpsScene.start(await stores.open());
    await scene.machine("m1", { env: "prod", role: "db" });
    await scene.machine("m2", { env: "prod" });
    await scene.machine("m3", { env: "test" });
    await scene.run("m1", "0123456789", { state: RunState.DONE });
    const admin = await scene.operator("root", "admin");
    const names = async (calls: typeof admin, selector: string) =>
      (await calls.unary.listMachines({ selector, jobs: false })).machines.map(({ name }) => name);
    assert.deepEqual(await names(admin, ""), ["m1-name", "m2-name", "m3-name"]);
    assert.deepEqual(await names(admin, "env=prod,role!=db"), ["m2-name"]);
    const sam = await scene.operator("sam", "viewer", "env=test");
    assert.deepEqual(await names(sam, ""), ["m3-name"]);
    assert.deepEqual(await names(sam, "env=prod"), []);
    await assert.rejects(names(admin, "prod"), { code: "usage", hint: /name=prod/ });
    await admin.unary.applySchedules({
      text: "{ name: n, selector: env=prod, verb: backup, job: home, cron: '0 2 * * *', timezone: UTC, maxAge: 26h }",
      ...{ fileName: "f", dryRun: false, prune: false, basis: "", everyMachine: false },
    });
    const { machines } = await admin.unary.listMachines({ selector: "name=m1*", jobs: true });
    const [job] = machines[0]?.jobs ?? [];
    assert.equal(machines[0]?.jobs.length, 1);
    assert.equal(job?.job, "home");
    assert.equal(job?.maxAgeMs, 26 * 3_600_000);
    assert.equal(job?.overdue, false);
    assert.equal(job?.next?.getUTCHours(), 2);
    assert.deepEqual(machines[0]?.inventory?.volumes, [{ name: "home", backupHost: "vault:22" }]);
  });

  it("are shown with what is expected of them and they do not tell of", async () => {
    await using scene = await OpsScene.start(await stores.open());
    await scene.machine("m1", { env: "prod" });
    await scene.machine("m2", { env: "prod", role: "db" });
    await scene.store.database.deleteFrom("job_states").execute();
    const admin = await scene.operator("root", "admin");
    await admin.unary.applySchedules({
      text: `- { name: all, selector: env=prod, verb: backup, job: "*", cron: "0 2 * * *", timezone: UTC, maxAge: 26h }
- { name: db, selector: role=db, verb: backup, job: db, cron: "0 2 * * *", timezone: UTC, maxAge: 30h }`,
      ...{ fileName: "f", dryRun: false, prune: false, basis: "", everyMachine: true },
    });
    const states = async () =>
      (await admin.unary.listMachines({ selector: "", jobs: true })).machines.map(({ jobs }) =>
        jobs.map(({ job, maxAgeMs, overdue, lastGood }) => [job, maxAgeMs, overdue, lastGood]),
      );
    const hours = 3_600_000;
    assert.deepEqual(await states(), [[["*", 26 * hours, false, undefined]], [["db", 26 * hours, false, undefined]]]);
    await scene.store.database.updateTable("schedules").set({ since_ms: 0 }).execute();
    await scene.store.database.updateTable("machines").set({ enrolled_ms: 0 }).execute();
    assert.deepEqual(await states(), [[["*", 26 * hours, true, undefined]], [["db", 26 * hours, true, undefined]]]);
  });

  it("are accepted by a name that no other has", async () => {
    await using scene = await OpsScene.start(await stores.open());
    await scene.machine("m1", {});
    await scene.machine("m2", {}, { state: "pending" });
    await scene.machine("m3", {}, { state: "pending" });
    const admin = await scene.operator("root", "admin");
    const accept = (machine: string, name: string) => admin.unary.acceptMachine({ machine, name });
    await assert.rejects(accept("m2", "m1-name"), { code: "exists", message: /another machine has that name/ });
    await assert.rejects(accept("m2", "a b"), { code: "usage" });
    await assert.rejects(accept("m1-name", "x"), { code: "exists", message: /m1-name is one of the fleet already/ });
    await assert.rejects(accept("m4", "x"), { code: "not_found", message: 'there is no machine "m4"' });
    assert.equal((await accept("m2-host", "")).machine?.name, "m2-host");
    const { machine } = await accept("m3", "web1");
    assert.deepEqual([machine?.name, machine?.state], ["web1", MachineState.ACTIVE]);
  });

  it("whose host name several have are asked for by their ids", async () => {
    await using scene = await OpsScene.start(await stores.open());
    for (const id of ["m1", "m2"]) {
      await scene.machine(id, {}, { state: "pending" });
      await scene.store.database.updateTable("machines").set({ hostname: "twin" }).where("id", "=", id).execute();
    }
    const admin = await scene.operator("root", "admin");
    await assert.rejects(admin.unary.acceptMachine({ machine: "twin", name: "" }), {
      code: "usage",
      hint: "by its id: m1, m2",
    });
  });

  it("get labels and names", async () => {
    await using scene = await OpsScene.start(await stores.open());
    await scene.machine("m1", { env: "prod", old: "yes" });
    await scene.machine("m2", {});
    const admin = await scene.operator("root", "admin");
    const change = (what: Partial<ChangeMachineRequest>) =>
      admin.unary.changeMachine({ machine: "m1-name", ...noChange, ...what });
    const { machine } = await change({ set: [{ name: "env", value: "test" }], remove: ["old", "never"] });
    assert.deepEqual(machine?.labels, [{ name: "env", value: "test" }]);
    await assert.rejects(change({ name: "m2-name" }), { code: "exists" });
    await assert.rejects(change({ name: "-x" }), { code: "usage" });
    await assert.rejects(change({ set: [{ name: "name", value: "x" }] }), {
      code: "usage",
      message: /cannot be a label/,
    });
    const twice = [
      { name: "a", value: "1" },
      { name: "a", value: "2" },
    ];
    await assert.rejects(change({ set: twice }), { code: "usage", message: /twice/ });
    const many = Array.from({ length: 32 }, (_, n) => ({ name: `l${n}`, value: "x" }));
    await assert.rejects(change({ set: many }), { code: "usage", message: /32 labels/ });
    assert.equal((await change({ name: "web1" })).machine?.name, "web1");
  });

  it("who are revoked have no certificate that counts, and nothing that waits; then they can be forgotten", async () => {
    await using scene = await OpsScene.start(await stores.open());
    const admin = await scene.operator("root", "admin");
    await scene.machine("m1", { env: "prod" });
    const { serial } = await scene.fleet.credential("machine", "m1");
    await addDispatches(scene.store.database, [
      {
        id: "d1",
        batch: "b",
        machineId: "m1",
        work: Work.create(),
        createdMs: 1,
        createdBy: "root",
        expiresMs: 2 ** 50,
      },
    ]);
    await assert.rejects(admin.unary.forgetMachine({ machine: "m1-name" }), {
      code: "usage",
      hint: /fleet revoke m1-name/,
    });
    const { machine } = await admin.unary.revokeMachine({ machine: "m1-name" });
    assert.equal(machine?.state, MachineState.REVOKED);
    assert.equal((await getDispatches(scene.store.database, ["d1"]))[0]?.state, "cancelled");
    const certificate = await scene.store.database
      .selectFrom("certificates")
      .select("revoked_ms")
      .where("serial", "=", serial)
      .executeTakeFirst();
    assert.ok(certificate?.revoked_ms);
    await admin.unary.revokeMachine({ machine: "m1-name" });
    await assert.rejects(admin.unary.acceptMachine({ machine: "m1", name: "" }), {
      code: "usage",
      message: /is revoked/,
    });
    await assert.rejects(admin.unary.changeMachine({ machine: "m1", ...noChange }), { code: "usage" });
    await admin.unary.forgetMachine({ machine: "m1" });
    assert.deepEqual((await admin.unary.listMachines({ selector: "", jobs: false })).machines, []);
    assert.deepEqual(await getDispatches(scene.store.database, ["d1"]), []);
  });

  it("outside of a scope are as if there were none, and the record says that somebody tried", async () => {
    await using scene = await OpsScene.start(await stores.open());
    await scene.machine("m1", { env: "prod" });
    const sam = await scene.operator("sam", "admin", "env=test");
    for (const machine of ["m1", "m1-name", "m1-host", "m7"]) {
      await assert.rejects(sam.unary.revokeMachine({ machine }), {
        code: "not_found",
        message: `there is no machine "${machine}"`,
        hint: "luksmith fleet machines lists them",
      });
    }
    const lines = await listAudit(scene.store.database, { operator: "sam", sinceMs: undefined, limit: 10 });
    const refused = lines.filter(({ allowed }) => !allowed);
    assert.deepEqual(refused.map(({ target, detail }) => [target, detail]).toSorted(), [
      ["m1", "outside of the scope env=test"],
      ["m1-host", "outside of the scope env=test"],
      ["m1-name", "outside of the scope env=test"],
    ]);
  });
});
