/** What an operator does to a machine's place in the fleet. */

import type { Clock } from "../../common/clock.ts";
import { LuksmithError } from "../../common/errors.ts";
import { requireMachineName } from "../enrol/machine-name.ts";
import { giveUpRunsOf, tellGivenUp } from "../runs/lost-runs.ts";
import { type Labels, mostLabels } from "../selector/label.ts";
import { revokeCertificates } from "../store/certificates.ts";
import { cancelDispatches, listDispatches } from "../store/dispatches.ts";
import { lock } from "../store/lock.ts";
import type { GivenUp } from "../store/lost-runs.ts";
import { changeMachine, forgetMachine, getMachine, type Machine } from "../store/machines.ts";
import type { Database } from "../store/schema.ts";
import type { Store } from "../store/store.ts";
import { isTaken } from "../store/store-error.ts";

export interface MachineChange {
  /** undefined: as it is. */
  readonly name: string | undefined;
  /** Checked already. */
  readonly set: Labels;
  readonly remove: readonly string[];
}

export class MachineChanges {
  readonly #store: Store;
  readonly #clock: Clock;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** From now on one of the fleet. @param name empty: its host name @throws {LuksmithError} "usage", "exists", "not_found" */
  async accept(id: string, name: string): Promise<Machine> {
    return this.#change(id, async (transaction, machine) => {
      if (machine.state !== "pending") {
        const called = machine.name ?? machine.hostname;
        if (machine.state === "revoked") throw isRevoked(called);
        throw new LuksmithError("exists", `${called} is one of the fleet already`, {
          hint: "luksmith fleet rename and luksmith fleet label change it",
        });
      }
      const given = requireMachineName(name === "" ? machine.hostname.toLowerCase() : name);
      await changeMachine(transaction, id, { name: given, state: "active" });
    });
  }

  /** @throws {LuksmithError} "usage", "exists", "not_found" */
  async change(id: string, { name, set, remove }: MachineChange): Promise<Machine> {
    if (name !== undefined) requireMachineName(name);
    return this.#change(id, async (transaction, machine) => {
      if (machine.state === "revoked") throw isRevoked(machine.name ?? machine.hostname);
      if (machine.state === "pending" && name !== undefined) {
        throw new LuksmithError("usage", "it waits for its first name", {
          hint: "luksmith fleet accept MACHINE --name NAME",
        });
      }
      const labels = labelsAfter(machine.labels, set, remove);
      await changeMachine(transaction, id, { labels, ...(name === undefined ? {} : { name }) });
    });
  }

  /** Its certificates count no more, its runs have ended, and what was asked of it is asked no more. Safe to call twice. @throws {LuksmithError} "not_found" */
  async revoke(id: string, by: string): Promise<Machine> {
    const nowMs = this.#clock.now().getTime();
    let given: GivenUp = { runs: [], batches: [] };
    const machine = await this.#change(id, async (transaction) => {
      await changeMachine(transaction, id, { state: "revoked" });
      await revokeCertificates(transaction, { kind: "machine", name: id }, nowMs);
      given = await giveUpRunsOf(transaction, id, nowMs);
      const open = await listDispatches(transaction, { machineIds: [id], states: ["queued", "sent", "running"] });
      await cancelDispatches(
        transaction,
        open.map((dispatch) => dispatch.id),
        by,
        nowMs,
      );
      await transaction.deleteFrom("permits").where("machine_id", "=", id).execute();
    });
    this.#store.notices.tell("certificate", id);
    this.#store.notices.tell("permit", id);
    tellGivenUp(this.#store, given);
    return machine;
  }

  /** With all that is known of it. @throws {LuksmithError} "usage" unless it is revoked; "not_found" */
  async forget(id: string): Promise<void> {
    await this.#store.transaction(async (transaction) => {
      await lock(transaction, "machines");
      const machine = await getMachine(transaction, id);
      if (machine === undefined) throw isGone();
      if (machine.state !== "revoked") {
        const name = machine.name ?? machine.id;
        throw new LuksmithError("usage", `${name} is one of the fleet: only a revoked machine can be forgotten`, {
          hint: `luksmith fleet revoke ${name}`,
        });
      }
      await forgetMachine(transaction, id);
    });
    this.#store.notices.tell("machine", id);
  }

  async #change(id: string, work: (transaction: Database, machine: Machine) => Promise<void>): Promise<Machine> {
    try {
      const changed = await this.#store.transaction(async (transaction) => {
        // what is decided by a machine's state must not be passed by another change of it
        await lock(transaction, "machines");
        const machine = await getMachine(transaction, id);
        if (machine === undefined) throw isGone();
        await work(transaction, machine);
        return (await getMachine(transaction, id)) ?? machine;
      });
      this.#store.notices.tell("machine", id);
      return changed;
    } catch (error) {
      if (!isTaken(error)) throw error;
      throw new LuksmithError("exists", "another machine has that name", {
        hint: "luksmith fleet machines lists them; one that was revoked keeps its name until it is forgotten",
        cause: error,
      });
    }
  }
}

function labelsAfter(before: Labels, set: Labels, remove: readonly string[]): Labels {
  const kept = Object.entries(before).filter(([name]) => !remove.includes(name));
  const after = Object.fromEntries([...kept, ...Object.entries(set)]);
  if (Object.keys(after).length <= mostLabels) return after;
  throw new LuksmithError("usage", `a machine can have ${mostLabels} labels`, { hint: "NAME- removes one" });
}

function isRevoked(name: string): LuksmithError {
  return new LuksmithError("usage", `${name} is revoked`, { hint: "it can be forgotten, and enrol again" });
}

/** It was there a moment ago. */
function isGone(): LuksmithError {
  return new LuksmithError("not_found", "the machine is not there any more", { hint: "luksmith fleet machines" });
}
