/**
 * The one place that says whether an operator's call may go on. What changes something, and whatever is refused, is written down before
 * anybody hears of the decision; what cannot be written down does not happen.
 */

import type { Clock } from "../../common/clock.ts";
import { LuksmithError } from "../../common/errors.ts";
import { Places } from "../../common/places.ts";
import { quoteText } from "../../common/quote.ts";
import { Allowances } from "../listen/allowances.ts";
import { Selector } from "../selector/selector.ts";
import { addAudit } from "../store/audit.ts";
import { getOperator, type OperatorRow, seeOperator } from "../store/operators.ts";
import type { Database } from "../store/schema.ts";
import type { Store } from "../store/store.ts";
import { mayPass } from "../store/store-error.ts";
import { type Action, decide, type Rightholder, rights } from "./rights.ts";

/** What a scope looks at. */
interface Visible {
  /** Nobody has confirmed one: undefined. */
  readonly name: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
}

export interface AuthorizedOperator extends Rightholder {
  readonly row: OperatorRow;
  /** Machines that it does not see are as if there were none. */
  sees(machine: Visible): boolean;
}

/** Of one operator, at one controller: who watches costs a little each second. */
const callsEach = 32;
/** Of one operator: more refusals are of a program, and must not fill the database with what was refused. */
const refusalsOnRecord = { perMinute: 30, atOnce: 200 };
/** When somebody was last seen is known to the minute. */
const seenEveryMs = 60_000;

export class Operators {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #identify: (peer: string) => { readonly name: string };
  readonly #refusals: Allowances;
  readonly #calls = new Places(callsEach);

  /** @param identify who is calling, as the certificate has proved; throws for whoever is no operator */
  constructor(store: Store, clock: Clock, identify: (peer: string) => { readonly name: string }) {
    this.#store = store;
    this.#clock = clock;
    this.#identify = identify;
    this.#refusals = new Allowances(clock, refusalsOnRecord);
  }

  /**
   * Before anything else of a call.
   * @returns to be called when the call has ended
   * @throws {LuksmithError} "denied" for whoever is no operator; "locked" when too many of one's calls are under way
   */
  enter(peer: string): () => void {
    const leave = this.#calls.take(this.#identify(peer).name);
    if (leave !== undefined) return leave;
    throw new LuksmithError("locked", `${callsEach} of your calls are under way already`, {
      hint: "end one of them, such as a luksmith fleet top",
    });
  }

  /**
   * Who is calling, if they may do this.
   * @param peer call.getPeer(), asked before anything is awaited
   * @param target what it is about, for the record
   * @throws {LuksmithError} "denied" with what it would take; what the database throws
   */
  async authorize(peer: string, action: Action, target = ""): Promise<AuthorizedOperator> {
    const operator = await this.#known(this.#identify(peer).name);
    const decision = decide(operator, action);
    if (!decision.allowed) {
      await this.#write(operator, action, target, false, decision.hint);
      throw new LuksmithError("denied", decision.reason, { hint: decision.hint });
    }
    if (rights[action].changes) await this.#write(operator, action, target, true, "");
    await this.#see(operator.row);
    return operator;
  }

  /**
   * Machines that are not the operator's: it is told that there are none, and the record has more.
   * @returns what is to be thrown
   */
  async outOfScope(operator: AuthorizedOperator, action: Action, target: string): Promise<LuksmithError> {
    await this.#write(operator, action, target, false, `outside of the scope ${operator.row.scope}`);
    return noSuchMachine(target);
  }

  /** What came of something that was allowed, together with it. */
  async note(transaction: Database, operator: Rightholder, action: Action, target: string, detail: string) {
    await this.#insert(transaction, { operator: operator.name, action, target, allowed: true, detail });
  }

  async #known(name: string): Promise<AuthorizedOperator> {
    const row = await getOperator(this.#store.database, name);
    if (row === undefined || row.revokedMs !== undefined) {
      throw new LuksmithError("denied", `${name} is no operator of this fleet`, {
        hint: "an admin can make a new credential: luksmith fleet operator create",
      });
    }
    const scope = row.scope === "" ? Selector.all : Selector.read(row.scope);
    if (!(scope instanceof Selector)) {
      throw new LuksmithError("denied", `the scope of ${name} cannot be read`, {
        hint: "an admin has to revoke and create the operator again",
      });
    }
    const sees = ({ name: machine = "", labels }: Visible) => scope.matches({ name: machine, labels });
    return { name, role: row.role, isWholeFleet: scope.isAll, row, sees };
  }

  async #write(operator: Rightholder, action: Action, target: string, allowed: boolean, detail: string): Promise<void> {
    if (!allowed && !this.#refusals.take(operator.name)) {
      throw new LuksmithError("locked", `too much was refused to ${operator.name} in a short time`, {
        hint: "wait a minute, and ask for what you may: luksmith fleet status shows your role",
      });
    }
    await this.#insert(this.#store.database, { operator: operator.name, action, target, allowed, detail });
  }

  async #insert(database: Database, line: Omit<Parameters<typeof addAudit>[1], "timeMs">): Promise<void> {
    await addAudit(database, { ...line, timeMs: this.#clock.now().getTime() });
  }

  async #see({ name, lastSeenMs }: OperatorRow): Promise<void> {
    const nowMs = this.#clock.now().getTime();
    if (lastSeenMs !== undefined && Math.abs(nowMs - lastSeenMs) < seenEveryMs) return;
    try {
      await seeOperator(this.#store.database, name, nowMs);
    } catch (error) {
      // who only looks is to be able to while the disk is full
      if (!mayPass(error)) throw error;
    }
  }
}

/** The same whether there is none, or one that is not theirs. */
export function noSuchMachine(text: string): LuksmithError {
  return new LuksmithError("not_found", `there is no machine ${quoteText(text)}`, {
    hint: "luksmith fleet machines lists them",
  });
}
