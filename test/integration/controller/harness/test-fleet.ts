/** A controller's machine side in this process, with its door. */

import { credentials } from "@grpc/grpc-js";
import { pino } from "pino";
import { type Clock, systemClock } from "../../../../common/clock.ts";
import type { Log } from "../../../../common/log.ts";
import type { Quota } from "../../../../controller/quota/quota.ts";
import { beginController } from "../../../../controller/store/controllers.ts";
import { addMachine, type NewMachine } from "../../../../controller/store/machines.ts";
import type { Store } from "../../../../controller/store/store.ts";
import { Fleet, type FleetOptions } from "../../../../controller/stream/fleet.ts";
import type { FleetRules, PermitLimits } from "../../../../controller/stream/fleet-rules.ts";
import type { NewTrust, Schedules, Trust } from "../../../../proto/gen/luksmith/v1/fleet.ts";
import { FleetDoor } from "./fleet-door.ts";
import { newMachine } from "./fleet-rows.ts";
import { TestAgent } from "./test-agent.ts";
import { openWayIn } from "./way-in.ts";

/** More than any test reports, unless it is about that. */
export const plentiful: Quota = { eventBytes: 2 ** 30, runs: 1_000_000 };

/** What the rest of the controller would decide. */
export class TestRules implements FleetRules {
  schedules: Schedules = { revision: "", assignments: [] };
  readonly limits = new Map<string, PermitLimits>();
  trust: NewTrust | undefined;
  /** In the place of this, what is to be told whom. */
  orderOf: ((trust: Trust) => NewTrust | undefined) | undefined;

  async assignments() {
    const { schedules } = this;
    return () => schedules;
  }

  async permitLimits() {
    return this.limits;
  }

  async trustOrders() {
    const { trust, orderOf } = this;
    return orderOf ?? (() => trust);
  }
}

const quiet = (): Log => pino({ level: process.env.TEST_LOG ?? "silent" });

export class TestFleet {
  readonly fleet: Fleet;
  readonly door: FleetDoor;
  readonly rules: TestRules;
  readonly store: Store;
  readonly cut: string[];
  readonly #ways: { close(): void }[] = [];

  private constructor(parts: { fleet: Fleet; door: FleetDoor; rules: TestRules; store: Store; cut: string[] }) {
    this.fleet = parts.fleet;
    this.door = parts.door;
    this.rules = parts.rules;
    this.store = parts.store;
    this.cut = parts.cut;
  }

  static async start(
    store: Store,
    id = "c1",
    clock: Clock = systemClock,
    { quota = plentiful, log = quiet() }: { quota?: FleetOptions["quota"]; log?: Log } = {},
  ): Promise<TestFleet> {
    const rules = new TestRules();
    const cut: string[] = [];
    // the other controllers call by a way that says so
    const relayChannel = () => ({ credentials: credentials.createInsecure(), options: { "grpc.enable_retries": 0 } });
    const fleet = new Fleet({
      ...{ controllerId: id, store, rules, cut: (machineId: string) => cut.push(machineId), relayChannel, clock, log },
      quota,
    });
    await fleet.begin();
    const door = await FleetDoor.open(fleet, log);
    const started = new TestFleet({ fleet, door, rules, store, cut });
    const way = await openWayIn("controller=c", () => door.port);
    started.#ways.push(way);
    const nowMs = clock.now().getTime();
    await beginController(store.database, {
      ...{ id, address: `127.0.0.1:${way.port}`, version: "1", startedMs: nowMs, seenMs: nowMs },
    });
    return started;
  }

  async machine(id: string, change: Partial<NewMachine> = {}): Promise<void> {
    await addMachine(this.store.database, newMachine(id, change));
  }

  /** Not connected yet. */
  async agent(machineId: string, instance = "i1"): Promise<TestAgent> {
    const agent = await TestAgent.of(machineId, () => this.door.port, instance);
    this.#ways.push(agent);
    return agent;
  }

  async close(): Promise<void> {
    await this.fleet.close(new AbortController().signal);
    for (const way of this.#ways) way.close();
    await this.door.close();
  }
}
