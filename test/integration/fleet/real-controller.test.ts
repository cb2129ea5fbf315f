/** The machine's end against the controller's own: its port with TLS, enrolment, streams, dispatches and permits. */

import assert from "node:assert/strict";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import type { UntypedServiceImplementation } from "@grpc/grpc-js";
import { enrol } from "../../../agent/fleet/enrol.ts";
import { systemClock } from "../../../common/clock.ts";
import { certificatesIn, fingerprintOf } from "../../../common/fleet/certificate.ts";
import { showPin } from "../../../common/fleet/pin.ts";
import { waitUntil } from "../../../common/wait-until.ts";
import { trustOrders } from "../../../controller/authority/trust-order.ts";
import { createToken } from "../../../controller/enrol/create-token.ts";
import { Enrolment } from "../../../controller/enrol/enrolment.ts";
import { enrolmentService, renewalHandlers } from "../../../controller/enrol/handlers.ts";
import { addDispatches, getDispatches } from "../../../controller/store/dispatches.ts";
import { getMachine } from "../../../controller/store/machines.ts";
import { eventsAfter } from "../../../controller/store/run-events.ts";
import { getRun } from "../../../controller/store/runs.ts";
import { Fleet } from "../../../controller/stream/fleet.ts";
import { connectHandler, fleetServiceDefinition } from "../../../controller/stream/fleet-service.ts";
import { FleetConnection_State as State } from "../../../proto/gen/luksmith/v1/agent.ts";
import { EnrolmentServiceService, ScheduleAssignment, Trust, Work } from "../../../proto/gen/luksmith/v1/fleet.ts";
import { RunState, Verb } from "../../../proto/gen/luksmith/v1/types.ts";
import { Cable } from "../cable.ts";
import { FleetScene, silent } from "../controller/harness/fleet-scene.ts";
import { plentiful, TestRules } from "../controller/harness/test-fleet.ts";
import { FleetLife, stateDirectory } from "./fleet-life.ts";

const patienceMs = 20_000;

async function scene(context: TestContext) {
  const rules = new TestRules();
  const fleets: Fleet[] = [];
  let address = "";
  const tls = await FleetScene.start((authorities, store) => {
    const clock = systemClock;
    const record = async () => undefined;
    const enrolment = new Enrolment({ store, authorities, clock, log: silent, addresses: () => [address], record });
    const fleet = new Fleet({
      ...{ controllerId: "c1", store, rules, cut: () => undefined, clock, log: silent },
      quota: plentiful,
      relayChannel: () => {
        throw new Error("there is one controller");
      },
    });
    fleets.push(fleet);
    const forMachines: unknown = {
      connect: connectHandler(fleet.sessions, silent),
      ...renewalHandlers(enrolment, silent),
    };
    const forStrangers: unknown = enrolmentService(enrolment, silent);
    return [
      [fleetServiceDefinition, forMachines as UntypedServiceImplementation],
      [EnrolmentServiceService, forStrangers as UntypedServiceImplementation],
    ] as const;
  });
  ({ address } = tls);
  for (const fleet of fleets) await fleet.begin();
  const stateDir = stateDirectory(context);
  const life = await new FleetLife(stateDir).begin();
  context.after(async () => {
    await life.end();
    for (const fleet of fleets) await fleet.close(AbortSignal.abort());
    await tls[Symbol.asyncDispose]();
  });
  const { text } = await createToken(tls.store.database, systemClock, {
    ...{ labels: {}, ttlMs: 1_800_000, uses: 1, name: "web01", namePattern: "", createdBy: "alice" },
  });
  const pins = certificatesIn(await tls.trusted()).map((authority) => showPin(fingerprintOf(authority)));
  const order = { addresses: [address], token: text, pins, replace: false };
  const { machineId } = await enrol(life.identities, order, AbortSignal.timeout(patienceMs));
  await until(
    async () => life.fleet.status().state === State.CONNECTED,
    () => JSON.stringify(life.fleet.status()),
  );
  return { life, rules, store: tls.store, machineId, tls };
}

/** Another way to the same port, as another address of it. */
async function anotherWay(context: TestContext, to: string): Promise<Cable> {
  const port = Number(to.slice(to.lastIndexOf(":") + 1));
  const way = await Cable.open(() => connect(port, "127.0.0.1"));
  context.after(() => way.close());
  return way;
}

async function until(isSo: () => Promise<boolean>, what: () => string): Promise<void> {
  if (!(await waitUntil(systemClock, patienceMs, isSo))) throw new Error(what());
}

const backup = Work.create({ verb: Verb.BACKUP, job: "home" });

test("enrolled by a token, the machine is connected, and what an operator wants is done once and reported", async (t) => {
  const { life, store, machineId } = await scene(t);
  assert.equal(life.fleet.status().name, "web01");
  const { database } = store;
  assert.equal((await getMachine(database, machineId))?.controllerId, "c1");
  life.work = async (run) => {
    run.note("hello");
    return { state: "done", summary: "all of it" };
  };
  const nowMs = Date.now();
  const wanted = { batch: "b", machineId, createdMs: nowMs, createdBy: "ann", expiresMs: nowMs + 60_000 };
  await addDispatches(database, [
    { ...wanted, id: "d1", work: backup },
    { ...wanted, id: "d2", work: { ...backup, verb: Verb.PRUNE } },
  ]);
  store.notices.tell("dispatch", "b");
  const stateOf = async (id: string) => (await getDispatches(database, [id]))[0]?.state ?? "";
  await until(
    async () => (await stateOf("d1")) === "ended",
    () => `the dispatch did not end: ${life.faults()}`,
  );
  await until(
    async () => (await stateOf("d2")) === "refused",
    () => "the other was not refused",
  );
  assert.equal(life.started.length, 1);
  const [run] = life.runs.list();
  assert.equal(run?.caller?.name, "ann via c1");
  const stored = await getRun(database, machineId, run?.id ?? "");
  assert.equal(stored?.state, RunState.DONE);
  const events = await eventsAfter(database, machineId, run?.id ?? "", 0, 100);
  assert.ok(events.length >= 3);
  await until(
    async () => life.fleet.status().unreported === 0,
    () => "the machine was not told that it is stored",
  );
  assert.deepEqual(life.faults(), []);
});

test("schedules come with the stream, and a permit is asked for and given", async (t) => {
  const { life, rules, store } = await scene(t);
  const assignment = ScheduleAssignment.create({
    schedule: "nightly",
    work: backup,
    cron: "0 2 * * *",
    needsPermit: true,
  });
  rules.schedules = { revision: "r1", assignments: [assignment] };
  rules.limits.set("nightly", { fleet: 1, perBackupHost: undefined });
  store.notices.tell("schedules", "");
  await until(
    async () => life.assignments.length === 1,
    () => "no schedule came",
  );
  const occurrence = { schedule: "nightly", verb: Verb.BACKUP, job: "home", volume: "home", moment: new Date() };
  const giveBack = await life.permit?.(occurrence, AbortSignal.timeout(patienceMs));
  giveBack?.();
  assert.deepEqual(life.faults(), []);
});

test("an address that is added reaches the machine, which comes by it when the one before is gone", async (t) => {
  const { life, rules, store, tls } = await scene(t);
  const state = await tls.authorities.state();
  const has = async (addresses: readonly string[]) => {
    await until(
      async () => JSON.stringify((await life.identities.read())?.addresses) === JSON.stringify(addresses),
      () => `it has not heard of ${addresses}`,
    );
  };
  const tell = (addresses: readonly string[]) => {
    rules.orderOf = trustOrders({ state, addresses, revokedControllers: [] });
    store.notices.tell("authority", "");
  };
  const before = await anotherWay(t, tls.address);
  const [old, added] = [`127.0.0.1:${before.port}`, `127.0.0.1:${(await anotherWay(t, tls.address)).port}`];
  tell([old]);
  await has([old]);
  // from here on it comes by that one alone
  life.fleet.identityChanged();
  await until(
    async () => life.fleet.status().state === State.CONNECTED && life.fleet.status().address === old,
    () => `it does not come by ${old}: ${JSON.stringify(life.fleet.status())}`,
  );
  tell([old, added]);
  await has([old, added]);

  // it is away while there is something new, and is told as soon as it is back
  const last = [added, "127.0.0.1:9"];
  before.close();
  tell(last);
  await has(last);
  assert.equal(life.fleet.status().address, added);
  await until(
    async () => {
      const [machine] = await store.database.selectFrom("machines").select("trust").execute();
      return machine !== undefined && Trust.decode(machine.trust).addresses.join() === last.join();
    },
    () => "the machine does not say what it has",
  );
  assert.deepEqual(life.faults(), []);
});
