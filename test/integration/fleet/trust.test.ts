/** Whom a machine believes is for its controllers to say, but not that it should believe nobody, or a stranger alone. */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { FleetConnection_State as State } from "../../../proto/gen/luksmith/v1/agent.ts";
import type { NewTrust } from "../../../proto/gen/luksmith/v1/fleet.ts";
import { enrol, FleetLife, stateDirectory } from "./fleet-life.ts";
import { ScriptedController, type Session, TestFleet, until, welcome } from "./scripted-controller.ts";

const pem = (...fleets: TestFleet[]) => fleets.map(({ authority }) => authority.certificate).join("");

function order(change: Partial<NewTrust>): { $case: "newTrust"; value: NewTrust } {
  return {
    $case: "newTrust",
    value: { authorities: "", addresses: [], renew: false, revokedControllers: undefined, ...change },
  };
}

/** A machine that believes two authorities, one of which has issued its certificate, and a controller that shows one of either. */
async function scene(
  t: TestContext,
  { shows = "old", owns = "old", random }: { shows?: "old" | "next"; owns?: "old" | "next"; random?: number },
) {
  const fleets = { old: await TestFleet.make(), next: await TestFleet.make() };
  const both = [fleets.old, fleets.next];
  const controller = await ScriptedController.start(t, fleets[shows], welcome, { trusted: both });
  const stateDir = stateDirectory(t);
  await enrol(stateDir, fleets[owns], [controller.address], undefined, both);
  const life = await new FleetLife(stateDir, random === undefined ? {} : { random }).begin();
  t.after(() => life.end());
  return { ...fleets, controller, life, session: await controller.session() };
}

/** It says why, and believes whom it did; also whoever comes later hears of it. */
async function assertRefuses(
  { session, controller, life, old, next }: Awaited<ReturnType<typeof scene>>,
  why: RegExp,
): Promise<void> {
  const { refused, authorities } = await session.until("trust", (trust) => trust.refused !== undefined);
  assert.equal(refused?.code, "refused");
  assert.match(refused?.message ?? "", why);
  assert.equal(authorities.length, 2);
  assert.equal((await life.identities.read())?.authorities, pem(old, next));
  assert.match(life.faults().join(), /not believed: .*shut out/);
  session.end();
  const later = await controller.session(1);
  assert.match(later.hello?.trust?.refused?.message ?? "", why);
}

test("authorities none of which has issued the machine's own certificate are refused, and that is told", async (t) => {
  const at = await scene(t, { shows: "next" });
  at.session.say(order({ authorities: pem(at.next), renew: true }));
  await assertRefuses(at, /^c1: .*none of them has issued the machine's own certificate/);
  assert.deepEqual(at.controller.renewals, []);
});

test("authorities by which no controller would be believed any more are refused, and that is told", async (t) => {
  const at = await scene(t, { owns: "next" });
  at.session.say(order({ authorities: pem(at.next) }));
  await assertRefuses(at, /^c1: .*nobody who answers at \S+ has a certificate of theirs/);
});

test("authorities that OpenSSL would pass over are none of those that are kept", async (t) => {
  const { session, life, old, next, controller } = await scene(t, {});
  const other = await TestFleet.make();
  // what does not begin a line is no certificate to it
  const hidden = pem(old, next).replaceAll("-----BEGIN", "#-----BEGIN");
  session.say(order({ authorities: `${hidden}${pem(other)}` }));
  await session.until("trust", ({ authorities }) => authorities.length === 3);
  assert.equal((await life.identities.read())?.authorities, pem(old, next, other));
  session.end();
  await controller.session(1);
});

test("an authority that is behind the machine and its controller is given up, and one that is new is taken beside", async (t) => {
  const { session, life, next } = await scene(t, { shows: "next", owns: "next" });
  session.say(order({ authorities: pem(next) }));
  await session.until("trust", ({ authorities, refused }) => authorities.length === 1 && refused === undefined);
  const other = await TestFleet.make();
  session.say(order({ authorities: pem(next, other) }));
  await session.until("trust", ({ authorities, refused }) => authorities.length === 2 && refused === undefined);
  assert.equal((await life.identities.read())?.authorities, pem(next, other));
});

test("of orders that wait, the newest counts, and no others are kept", async (t) => {
  const { session, next } = await scene(t, { shows: "next", random: 0.5 });
  session.say({ $case: "heartbeatEvery", value: { intervalMs: 1000, spreadMs: 3000 } });
  // is looked at a little later, as one of many machines
  session.say(order({ authorities: pem(next) }));
  const orders = 200;
  for (let n = 1; n <= orders; n += 1) session.say(order({ revokedControllers: { ids: [`c${n + 1}`] } }));
  await session.until("trust", ({ revokedControllers }) => revokedControllers.includes(`c${orders + 1}`));
  const told = session.all("trust").length;
  assert.ok(told < orders / 2, `${told} of ${orders} orders were followed`);
});

test("what the controllers of one fleet were refused is not told to those of another", async (t) => {
  const at = await scene(t, { shows: "next" });
  at.session.say(order({ authorities: pem(at.next) }));
  await at.session.until("trust", ({ refused }) => refused !== undefined);
  const { certificate, key } = await at.next.credential("machine", "m2");
  const addresses = [at.controller.address];
  await at.life.identities.enrolled("m2", key, { certificate, authorities: pem(at.next), addresses });
  const later = await at.controller.session(1);
  assert.equal(later.hello?.trust?.refused, undefined);
});

test("a certificate of a stranger is not taken, whomever it comes with", async (t) => {
  const { session, controller, life } = await scene(t, {});
  const before = await life.identities.read();
  controller.issuer = await TestFleet.make();
  session.say(order({ renew: true }));
  await until(
    () => life.faults().some((fault) => /no authority of the fleet signed it/.test(fault)),
    () => `it is refused; ${life.faults()}`,
  );
  assert.deepEqual(await life.identities.read(), before);
});

test("a controller that was revoked is not spoken with any more, as another has told", async (t) => {
  const fleet = await TestFleet.make();
  const good = await ScriptedController.start(t, fleet);
  const stolen = await ScriptedController.start(t, fleet, welcome, { id: "c2" });
  const stateDir = stateDirectory(t);
  await enrol(stateDir, fleet, [good.address, stolen.address]);
  const life = await new FleetLife(stateDir, {
    controller: `{ addresses: ["${good.address}", "${stolen.address}"] }`,
  }).begin();
  t.after(() => life.end());
  const session = await good.session();
  // the one that says so is none of them
  session.say(order({ revokedControllers: { ids: ["c1"] } }));
  const { refused } = await session.until("trust", (trust) => trust.refused !== undefined);
  assert.match(refused?.message ?? "", /would not say so itself/);
  session.say(order({ revokedControllers: { ids: ["c2"] } }));
  const told = await session.until("trust", (trust) => trust.refused === undefined);
  assert.deepEqual(told.revokedControllers, ["c2"]);
  good.stop();
  const why: string[] = [];
  await until(
    () => {
      const { state, address, error } = life.fleet.status();
      if (state === State.WAITING && address === stolen.address) why.push(error?.message ?? "");
      return why.some((text) => /the certificate of controller c2 has been revoked/.test(text));
    },
    () => `it says why; ${why}`,
  );
  assert.deepEqual(
    stolen.sessions.filter((each: Session) => each.hello !== undefined),
    [],
  );
  await good.listen();
  const again = await good.session(1);
  assert.deepEqual(again.hello?.trust?.revokedControllers, ["c2"]);
});
