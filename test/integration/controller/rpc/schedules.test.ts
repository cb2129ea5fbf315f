import assert from "node:assert/strict";
import { it } from "node:test";
import { listAudit } from "../../../../controller/store/audit.ts";
import { listSchedules } from "../../../../controller/store/schedules.ts";
import { ScheduleChange_Kind as Kind } from "../../../../proto/gen/luksmith/v1/controller.ts";
import { eachStore } from "../harness/each-store.ts";
import { OpsScene } from "../harness/ops-scene.ts";

const ping = "https://hc-ping.com/secret/{machine}";
const nightly = `{ name: nightly, selector: env=prod, verb: backup, job: home, cron: '0 2 * * *', ping: "${ping}" }`;
const weekly = "{ name: weekly, selector: env=test, verb: trim, volume: home, cron: '@weekly' }";

eachStore("schedules for operators", (stores) => {
  const set = async () => {
    const scene = await OpsScene.start(await stores.open());
    await scene.machine("m1", { env: "prod" });
    await scene.machine("m2", { env: "prod" });
    await scene.machine("m3", { env: "test" });
    const admin = await scene.operator("root", "admin");
    const apply = (
      text: string,
      how: { dryRun?: boolean; prune?: boolean; everyMachine?: boolean; basis?: string } = {},
    ) =>
      admin.unary.applySchedules({
        ...{ text, fileName: "f.yaml", dryRun: false, prune: false, everyMachine: false, basis: "", ...how },
      });
    return { scene, admin, apply };
  };

  it("are applied as a whole, with what changes shown, and told to those who wait for them", async () => {
    const { scene, apply } = await set();
    await using _ = scene;
    const heard = Promise.withResolvers<void>();
    scene.store.notices.on("schedules", () => heard.resolve());
    const dry = await apply(nightly, { dryRun: true });
    assert.equal(dry.applied, false);
    assert.deepEqual(await listSchedules(scene.store.database), []);
    const { changes, warnings, applied } = await apply(`[${nightly}, ${weekly}]`);
    assert.deepEqual(
      changes.map(({ schedule, kind, machines }) => [schedule, kind, machines]),
      [
        ["nightly", Kind.ADDED, 2],
        ["weekly", Kind.ADDED, 1],
      ],
    );
    assert.deepEqual([warnings, applied], [[], true]);
    await heard.promise;
    const [first] = await listSchedules(scene.store.database);
    assert.equal(first?.changedBy, "root");
    const again = await apply(`[${nightly}, ${weekly}]`);
    assert.ok(again.changes.every(({ kind }) => kind === Kind.UNCHANGED));
    assert.deepEqual(await listSchedules(scene.store.database), await listSchedules(scene.store.database));
    assert.equal((await listSchedules(scene.store.database))[0]?.changedMs, first?.changedMs);
    const changed = await apply(nightly.replace("home", "'*'"));
    assert.deepEqual(changed.changes[0]?.fields, [{ field: "job", before: "home", after: '"*"' }]);
    assert.equal(changed.changes[1]?.kind, Kind.LEFT);
    await apply("[]", { prune: true });
    assert.deepEqual(await listSchedules(scene.store.database), []);
    const lines = await listAudit(scene.store.database, { operator: "root", sinceMs: undefined, limit: 100 });
    const details = lines.map(({ target, detail }) => `${target} ${detail}`);
    for (const line of ["nightly added; 2 machines", "nightly changed: job; 2 machines", "weekly deleted; 1 machine"]) {
      assert.ok(details.includes(line), details.join("\n"));
    }
    assert.ok(!JSON.stringify(lines).includes("secret"));
  });

  it("that are wrong change nothing, whatever else is right", async () => {
    const { scene, apply } = await set();
    await using _ = scene;
    await assert.rejects(apply(`- ${nightly}\n- { name: Bad, selector: "x", verb: backup, cron: "0 0 31 2 *" }\n`), {
      code: "config",
      message: /^f\.yaml:2:11: \[1\]\.name: .*\nf\.yaml:2:26: \[1\]\.selector: .*\n/,
    });
    await assert.rejects(apply(`[${weekly}, ${nightly.replace("env=prod", "all")}]`), {
      code: "usage",
      message: '"nightly" selects every machine of the fleet, which has 3',
    });
    await assert.rejects(apply(""), { code: "config", message: "f.yaml:1:1: the file says nothing" });
    await assert.rejects(apply("a: \0"), { code: "usage" });
    assert.deepEqual(await listSchedules(scene.store.database), []);
    const { changes } = await apply(nightly.replace("env=prod", "all"), { everyMachine: true });
    assert.equal(changes[0]?.machines, 3);
    const { warnings } = await apply(weekly.replace("env=test", "env=none"));
    assert.match(warnings[0] ?? "", /weekly: no machine fits/);
  });

  it("that are applied by two at once are one's or the other's", async () => {
    const { scene, apply } = await set();
    await using _ = scene;
    await Promise.all([apply(nightly, { prune: true }), apply(weekly, { prune: true })]);
    assert.equal((await listSchedules(scene.store.database)).length, 1);
  });

  it("are not changed by whoever has seen what they were before", async () => {
    const { scene, apply } = await set();
    await using _ = scene;
    const { basis } = await apply(nightly, { dryRun: true });
    assert.equal((await apply(nightly, { dryRun: true })).basis, basis);
    await apply(weekly);
    await assert.rejects(apply(nightly, { prune: true, basis }), { code: "locked", message: /since these changes/ });
    assert.deepEqual(
      (await listSchedules(scene.store.database)).map(({ schedule }) => schedule.name),
      ["weekly"],
    );
    const seen = await apply(nightly, { dryRun: true, prune: true });
    assert.equal((await apply(nightly, { prune: true, basis: seen.basis })).applied, true);
  });

  it("are seen by those whose machines they are about, without what an admin alone may know", async () => {
    const { scene, admin, apply } = await set();
    await using _ = scene;
    await apply(`[${nightly}, ${weekly}]`);
    const sam = await scene.operator("sam", "viewer", "env=test");
    const seen = await sam.unary.listSchedules({});
    assert.deepEqual(
      seen.schedules.map(({ name, machines }) => [name, machines]),
      [["weekly", 1]],
    );
    const vera = await scene.operator("vera", "viewer");
    const all = await vera.unary.listSchedules({});
    assert.deepEqual(
      all.schedules.map(({ name }) => name),
      ["nightly", "weekly"],
    );
    assert.ok(!JSON.stringify(all).includes("secret"));
    const own = await admin.unary.listSchedules({});
    assert.match(own.schedules[0]?.text ?? "", /ping: https:\/\/hc-ping.com\/secret/);
  });
});
