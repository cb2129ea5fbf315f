import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { LuksmithError } from "../../../common/errors.ts";
import { FleetConnection_State as State } from "../../../proto/gen/luksmith/v1/agent.ts";
import { enrol, FleetLife, stateDirectory } from "./fleet-life.ts";
import { ScriptedController, TestFleet, until, welcome } from "./scripted-controller.ts";

async function scene(context: TestContext, options: { controller?: string } = {}) {
  const fleet = await TestFleet.make();
  const controller = await ScriptedController.start(context, fleet);
  const stateDir = stateDirectory(context);
  await enrol(stateDir, fleet, [controller.address]);
  const life = await new FleetLife(stateDir, options).begin();
  context.after(() => life.end());
  return { fleet, controller, stateDir, life };
}

test("it says what the machine is and has, and gives signs of life as often as it is asked to", async (t) => {
  const { controller, life, fleet } = await scene(t);
  const session = await controller.session();
  const { hello } = session;
  assert.deepEqual(hello?.inventory, {
    jobs: ["home", "etc", "srv"].map((name) => ({
      name,
      volume: name === "srv" ? "srv" : "home",
      lastGood: undefined,
    })),
    volumes: ["home", "srv"].map((name) => ({ name, backupHost: "vault.example.net:22" })),
    allowed: ["status", "log", "backup", "verify", "drill", "check", "cancel", "snapshots"],
    refused: [],
  });
  assert.equal(hello?.trust?.authorities.length, 1);
  assert.equal(hello?.trust?.issuer, hello?.trust?.authorities[0]);
  await until(
    () => session.all("heartbeat").length >= 2,
    () => "no second heartbeat",
  );
  const { state, controller: name, machineId, since, certificateExpires } = life.fleet.status();
  assert.deepEqual([state, name, machineId], [State.CONNECTED, "c1", "m1"]);
  assert.ok(since !== undefined && certificateExpires !== undefined && certificateExpires > since);
  assert.deepEqual(life.faults(), []);
  assert.ok(fleet.authority.certificate.length > 0);
});

test("a machine that may tell nothing tells that it is there", async (t) => {
  const { controller, life } = await scene(t, { controller: "{ allow: [] }" });
  const session = await controller.session();
  assert.deepEqual(session.hello?.inventory, { jobs: [], volumes: [], allowed: [], refused: [] });
  await life.runs.wait(
    life.runs.start({ verb: 4, volume: "home", job: "home", caller: { uid: 0, name: "root" } }, life.work).id,
  );
  await until(
    () => session.all("heartbeat").length >= 2,
    () => "no second heartbeat",
  );
  assert.deepEqual(session.all("runReport"), []);
  assert.deepEqual(session.all("runEvents"), []);
});

test("a controller that is killed is found again", async (t) => {
  const { controller, life } = await scene(t);
  await controller.session();
  controller.stop();
  await until(
    () => life.fleet.status().state !== State.CONNECTED,
    () => "still connected",
  );
  assert.equal(life.fleet.status().error?.code ?? "unreachable", "unreachable");
  await controller.listen();
  await controller.session(1);
  await until(
    () => life.fleet.status().state === State.CONNECTED,
    () => "not connected again",
  );
});

test("the addresses are tried one after the other, and the one that answered comes first the next time", async (t) => {
  const fleet = await TestFleet.make();
  const controller = await ScriptedController.start(t, fleet);
  const stateDir = stateDirectory(t);
  await enrol(stateDir, fleet, ["other.example.net:7443"]);
  // the discard port: nobody listens
  const listed = `{ addresses: ["127.0.0.1:9", "${controller.address}"] }`;
  const life = await new FleetLife(stateDir, { controller: listed }).begin();
  t.after(() => life.end());
  const session = await controller.session();
  session.end();
  await controller.session(1);
  const tried = life.logged.filter(({ msg }) => msg === "not connected to the controller");
  assert.deepEqual(
    tried.map(({ err }) => err?.message.includes("127.0.0.1:9")),
    [true, false],
  );
});

test("another fleet's controller, and a machine that says it is one, get nothing", async (t) => {
  const fleet = await TestFleet.make();
  for (const [theirs, kind] of [
    [await TestFleet.make(), "controller"],
    [fleet, "machine"],
  ] as const) {
    const impostor = await ScriptedController.start(t, theirs, welcome, { kind });
    const stateDir = stateDirectory(t);
    await enrol(stateDir, fleet, [impostor.address]);
    const life = await new FleetLife(stateDir).begin();
    await until(
      () => life.fleet.status().state === State.WAITING,
      () => JSON.stringify(life.fleet.status()),
    );
    assert.equal(life.fleet.status().error?.code, "refused");
    await life.end();
    assert.deepEqual(impostor.sessions, [], kind);
  }
});

test("not enrolled, it does nothing; enrolled, it connects; having left, it is gone", async (t) => {
  const fleet = await TestFleet.make();
  const controller = await ScriptedController.start(t, fleet);
  const stateDir = stateDirectory(t);
  const life = await new FleetLife(stateDir).begin();
  t.after(() => life.end());
  assert.equal(life.fleet.status().state, State.NOT_ENROLLED);
  const { certificate, key } = await fleet.credential("machine", "m1");
  const authorities = fleet.authority.certificate;
  await life.identities.enrolled("m1", key, { certificate, authorities, addresses: [controller.address] });
  const session = await controller.session();
  await life.identities.forget();
  await until(
    () => session.isOver && life.fleet.status().state === State.NOT_ENROLLED,
    () => "still there",
  );
});

test("confirmed by an operator, it comes back soon, however rarely it is to be heard of", async (t) => {
  const fleet = await TestFleet.make();
  const controller = await ScriptedController.start(t, fleet, (session) => {
    const hourly = { intervalMs: 3_600_000, spreadMs: 3_600_000 };
    const said = { machineId: "m1", name: "", time: new Date(), heartbeatEvery: hourly, controller: "c1" };
    session.say({ $case: "welcome", value: said });
    session.say({ $case: "goodbye", value: { reason: "confirmed", message: "", retryAfterMs: 0 } });
  });
  const stateDir = stateDirectory(t);
  await enrol(stateDir, fleet, [controller.address]);
  const life = await new FleetLife(stateDir, { random: 0.9 }).begin();
  t.after(() => life.end());
  await until(
    () => life.fleet.status().state === State.WAITING,
    () => JSON.stringify(life.fleet.status()),
  );
  assert.ok((life.fleet.status().nextAttempt?.getTime() ?? Infinity) - Date.now() <= 2000);
  await controller.session(1);
});

test("what a controller says in parting is told to people, and it is not asked again at once", async (t) => {
  const fleet = await TestFleet.make();
  for (const [reason, retryAfterMs, state, code] of [
    ["revoked", 0, State.UNUSABLE, "denied"],
    ["replaced", 60_000, State.WAITING, "refused"],
    ["stopping", Number.MAX_SAFE_INTEGER, State.WAITING, "lost"],
  ] as const) {
    const controller = await ScriptedController.start(t, fleet, (session) => {
      welcome(session);
      session.say({ $case: "goodbye", value: { reason, message: "\x1b[31m", retryAfterMs } });
    });
    const stateDir = stateDirectory(t);
    await enrol(stateDir, fleet, [controller.address]);
    const life = await new FleetLife(stateDir).begin();
    await until(
      () => life.fleet.status().state === state,
      () => JSON.stringify(life.fleet.status()),
    );
    const { error, nextAttempt } = life.fleet.status();
    assert.equal(error?.code, code);
    assert.ok(!error?.message.includes("\x1b"));
    const waitMs = (nextAttempt?.getTime() ?? 0) - Date.now();
    assert.ok(waitMs > 50_000 || reason === "stopping", `${reason}: ${waitMs}`);
    assert.ok(waitMs <= 3_600_000, `${reason}: ${waitMs}`);
    await life.end();
  }
});

test("an error that a controller ends the stream with is told as it says", async (t) => {
  const fleet = await TestFleet.make();
  const controller = await ScriptedController.start(t, fleet, (session) => {
    session.fail(new LuksmithError("denied", "no operator has confirmed this machine", { hint: "ask one" }));
  });
  const stateDir = stateDirectory(t);
  await enrol(stateDir, fleet, [controller.address]);
  const life = await new FleetLife(stateDir).begin();
  t.after(() => life.end());
  await until(
    () => life.fleet.status().state === State.UNUSABLE,
    () => JSON.stringify(life.fleet.status()),
  );
  assert.deepEqual(life.fleet.status().error, {
    code: "denied",
    message: `${controller.address}: no operator has confirmed this machine`,
    hint: "ask one",
  });
});

test("whatever a controller ends the stream with, there is a wait before the next attempt", async (t) => {
  const fleet = await TestFleet.make();
  const controller = await ScriptedController.start(t, fleet, (session) => {
    session.fail(new LuksmithError("cancelled", "the agent is stopping"));
  });
  const stateDir = stateDirectory(t);
  await enrol(stateDir, fleet, [controller.address]);
  const life = await new FleetLife(stateDir, { random: 0.999 }).begin();
  t.after(() => life.end());
  await until(
    () => life.fleet.status().state === State.WAITING,
    () => JSON.stringify(life.fleet.status()),
  );
  assert.equal(controller.sessions.length, 1);
});

test("an identity that is damaged ends nothing but the connection", async (t) => {
  const fleet = await TestFleet.make();
  const stateDir = stateDirectory(t);
  await enrol(stateDir, fleet, ["127.0.0.1:9"]);
  const { writeFileSync } = await import("node:fs");
  writeFileSync(`${stateDir}/fleet/identity.json`, "{");
  const life = await new FleetLife(stateDir).begin();
  t.after(() => life.end());
  await until(
    () => life.fleet.status().state === State.UNUSABLE,
    () => "not told",
  );
  assert.equal(life.fleet.status().error?.code, "config");
});

test("the certificate is replaced when the controller asks for it, and the connection is made with the new one", async (t) => {
  const { controller, life } = await scene(t);
  const session = await controller.session();
  const before = await life.identities.read();
  session.say({
    $case: "newTrust",
    value: { authorities: "", addresses: [], renew: true, revokedControllers: undefined },
  });
  const next = await controller.session(1);
  assert.equal(controller.renewals.length, 1);
  const after = await life.identities.read();
  assert.notEqual(after?.certificate, before?.certificate);
  assert.notEqual(after?.key, before?.key);
  assert.deepEqual(next.hello?.trust?.authorities, session.hello?.trust?.authorities);
});

test("at two thirds of its life the certificate is replaced by itself", async (t) => {
  const fleet = await TestFleet.make();
  const controller = await ScriptedController.start(t, fleet);
  const stateDir = stateDirectory(t);
  // of which a tenth is over when it is issued
  await enrol(stateDir, fleet, [controller.address], 6000);
  const life = await new FleetLife(stateDir).begin();
  t.after(() => life.end());
  await controller.session();
  await controller.session(1);
  assert.equal(controller.renewals.length, 1);
  assert.deepEqual(life.faults(), []);
});

test("other authorities and addresses are kept and told; what is none is not", async (t) => {
  const { controller, life, fleet } = await scene(t);
  const session = await controller.session();
  const other = await TestFleet.make();
  const both = fleet.authority.certificate + other.authority.certificate;
  let told = 0;
  for (const [authorities, addresses] of [
    ["nonsense", []],
    ["", ["not an address"]],
  ] as const) {
    session.say({
      $case: "newTrust",
      value: { authorities, addresses: [...addresses], renew: false, revokedControllers: undefined },
    });
    // of those that wait the newest counts
    told += 1;
    await session.until("trust", () => session.all("trust").length === told);
  }
  const addresses = [controller.address, "other.example.net:7443"];
  session.say({
    $case: "newTrust",
    value: { authorities: both, addresses, renew: false, revokedControllers: undefined },
  });
  const trust = await session.until("trust", ({ refused }) => refused === undefined);
  assert.equal(trust.authorities.length, 2);
  const identity = await life.identities.read();
  assert.equal(identity?.authorities, both);
  assert.deepEqual(identity?.addresses, addresses);
  assert.deepEqual(trust.addresses, addresses);
  assert.deepEqual(
    session.all("trust").map(({ refused }) => refused?.code),
    ["refused", "refused", undefined],
  );
});

test("addresses that are too many, or too long, are refused, and those that were there stay", async (t) => {
  const { controller, life } = await scene(t);
  const session = await controller.session();
  const before = await life.identities.read();
  const many = Array.from({ length: 200 }, (_, n) => `c${n}.example.net:7443`);
  let told = 0;
  for (const addresses of [many, [`${"a".repeat(5000)}:7443`], ["c1.example.net:0"], ["c1.example.net"], [""]]) {
    session.say({
      $case: "newTrust",
      value: { authorities: "", addresses, renew: false, revokedControllers: undefined },
    });
    told += 1;
    const trust = await session.until("trust", () => session.all("trust").length === told);
    assert.equal(trust.refused?.code, "refused");
  }
  assert.deepEqual(await life.identities.read(), before);
});

test("addresses that lead nowhere do not shut the machine out: whoever has told them is still found", async (t) => {
  const fleet = await TestFleet.make();
  const controller = await ScriptedController.start(t, fleet);
  const stateDir = stateDirectory(t);
  await enrol(stateDir, fleet, [controller.address]);
  const first = await new FleetLife(stateDir).begin();
  const session = await controller.session();
  const addresses = ["127.0.0.1:9", "127.0.0.1:13"];
  session.say({
    $case: "newTrust",
    value: { authorities: "", addresses, renew: false, revokedControllers: undefined },
  });
  await session.until("trust", (trust) => trust.addresses.length === 2);
  await first.end();
  // what it knew while it ran is gone
  const life = await new FleetLife(stateDir).begin();
  t.after(() => life.end());
  const again = await controller.session(1);
  assert.deepEqual(again.hello?.trust?.addresses, addresses);
  const tried = life.logged.filter(({ msg }) => msg === "not connected to the controller");
  assert.equal(tried.length, 2);
});

test("a certificate that comes without addresses leaves those that the machine has", async (t) => {
  const { controller, life } = await scene(t);
  const session = await controller.session();
  controller.names = [];
  session.say({
    $case: "newTrust",
    value: { authorities: "", addresses: [], renew: true, revokedControllers: undefined },
  });
  const next = await controller.session(1);
  assert.deepEqual(next.hello?.trust?.addresses, [controller.address]);
  assert.deepEqual((await life.identities.read())?.addresses, [controller.address]);
});
