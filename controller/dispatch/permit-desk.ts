/** Gives machines leave to begin scheduled runs, as far as the schedules' limits go, and takes it back. */

import type { Clock } from "../../common/clock.ts";
import type { Log } from "../../common/log.ts";
import type { PermitRequest, PermitReturn } from "../../proto/gen/luksmith/v1/fleet.ts";
import { onNews } from "../occasion.ts";
import { Routine } from "../routine.ts";
import {
  askPermit,
  countPermits,
  grantPermits,
  keepPermits,
  listGranted,
  listPermits,
  type PermitKey,
  returnPermit,
} from "../store/permits.ts";
import type { Store } from "../store/store.ts";
import type { AgentSession } from "../stream/agent-session.ts";
import type { FleetRules } from "../stream/fleet-rules.ts";
import type { Sessions } from "../stream/sessions.ts";
import { grantable, heldMs, isWorthLooking } from "./grantable.ts";

/** A notice can be lost. */
const lookEveryMs = 10_000;
/** A machine that is not heard of for so long has its permits no more; one whose connection broke is back by then. */
const keptMs = 5 * 60_000;
const keepEveryMs = 60_000;
/** News come in crowds: at two in the night all ask. */
const gatherMs = 100;
/** One each for its jobs and schedules; more are asked for by nobody who means them. */
const mostEach = 1000;

/** Who counts. */
export interface DeskEvents {
  permitsLooked(durationMs: number): void;
  permitsFailed(): void;
}

export class PermitDesk {
  readonly #store: Store;
  readonly #sessions: Sessions;
  readonly #rules: FleetRules;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #events: DeskEvents | undefined;
  readonly #routine = new Routine();
  #keptMs = 0;

  constructor(store: Store, sessions: Sessions, rules: FleetRules, clock: Clock, log: Log, events?: DeskEvents) {
    this.#store = store;
    this.#sessions = sessions;
    this.#rules = rules;
    this.#clock = clock;
    this.#log = log;
    this.#events = events;
  }

  follow(): void {
    this.#routine.begin({
      when: onNews(this.#store.notices, "permit", this.#clock, lookEveryMs, gatherMs),
      work: async () => {
        const beganMs = this.#clock.monotonicMs();
        await this.#look();
        this.#events?.permitsLooked(this.#clock.monotonicMs() - beganMs);
      },
      failed: (error) => {
        this.#events?.permitsFailed();
        this.#log.warn({ err: error }, "permits wait for the database");
      },
    });
  }

  async close(): Promise<void> {
    await this.#routine.end();
  }

  /** It is told when it may, which may be at once. */
  async ask(session: AgentSession, request: PermitRequest): Promise<void> {
    const key = keyOf(session, request);
    if (key === undefined || session.machine?.state !== "active") return;
    // it would hold up those whose schedule it is
    const assignment = session.limitedAssignment(key);
    if (assignment === undefined) {
      this.#log.debug({ machine: session.machineId }, "a machine asks for a permit that no schedule of its own needs");
      return;
    }
    const askedMs = this.#clock.now().getTime();
    const { backupHost } = request;
    // a machine that asks again has not heard of its permit
    session.ungrant(key);
    const isTooMany = await this.#sessions.journal.run(async (transaction) => {
      if ((await listPermits(transaction, session.machineId)).length >= mostEach) return true;
      const asked = { ...key, backupHost, askedMs, expiresMs: askedMs + keptMs };
      await askPermit(transaction, asked, heldMs(assignment.work?.deadlineMs));
      return false;
    });
    const { machineId } = session;
    if (isTooMany)
      this.#sessions.lines.warn(machineId, { machine: machineId }, "a machine asks for more permits than there can be");
    else this.#store.notices.tell("permit", session.machineId);
  }

  async giveBack(session: AgentSession, permit: PermitReturn): Promise<void> {
    const key = keyOf(session, permit);
    if (key === undefined) return;
    const wasThere = await this.#sessions.journal.run((transaction) => returnPermit(transaction, key));
    // not before: who looks in between sees it still, and would tell the machine of it once more
    session.ungrant(key);
    if (wasThere) this.#store.notices.tell("permit", session.machineId);
  }

  async #look(): Promise<void> {
    const nowMs = this.#clock.now().getTime();
    const { database } = this.#store;
    const { controllerId } = this.#sessions;
    if (nowMs - this.#keptMs > keepEveryMs) {
      const held = [...(await this.#rules.permitLimits())].map(([schedule, { deadlineMs }]): [string, number] => [
        schedule,
        nowMs - heldMs(deadlineMs),
      ]);
      await keepPermits(database, controllerId, nowMs + keptMs, new Map(held));
      this.#keptMs = nowMs;
    }
    const limits = await this.#rules.permitLimits();
    if (isWorthLooking(await countPermits(database), limits, nowMs)) {
      const granted = await this.#store.transaction((transaction) =>
        grantPermits(transaction, nowMs, (those, has) => grantable(those, has, limits)),
      );
      // whose streams other controllers have
      for (const { machineId } of granted) {
        if (this.#sessions.of(machineId) === undefined) this.#store.notices.tell("permit", machineId);
      }
    }
    for (const permit of await listGranted(database)) this.#sessions.of(permit.machineId)?.grant(permit);
  }
}

function keyOf(
  { machineId }: AgentSession,
  { schedule, occurrence, job, volume }: PermitReturn,
): PermitKey | undefined {
  if (occurrence === undefined) return undefined;
  return { schedule, occurrenceMs: occurrence.getTime(), machineId, job, volume };
}
