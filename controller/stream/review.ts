/** Tells machines that are connected here what is new for them: on news, of one or of all, and now and then without any. */

import { setImmediate } from "node:timers/promises";
import type { Clock } from "../../common/clock.ts";
import type { Log } from "../../common/log.ts";
import { Bell } from "../bell.ts";
import { occasion } from "../occasion.ts";
import { Routine } from "../routine.ts";
import { type MachineNow, machinesNow } from "../store/machines.ts";
import type { Topic } from "../store/notices.ts";
import type { Store } from "../store/store.ts";
import type { AgentSession } from "./agent-session.ts";

/** A notice can be lost. */
const everyMs = 60_000;
/** News come in crowds: a schedule that was applied, a batch of machines that was named. */
const gatherMs = 50;
/** Between two of so many somebody else has a turn. */
const atOnce = 100;

/** Whose machines they are. */
interface Connected {
  all(): AgentSession[];
  of(machineId: string): AgentSession | undefined;
  /** What one of them does is waited for by nobody. */
  unwatched(work: Promise<unknown>): void;
}

export interface ReviewOptions {
  readonly store: Store;
  readonly topics: readonly Topic[];
  /** @param now undefined when no topic is about machines, or it is known no more */
  readonly each: (session: AgentSession, now: MachineNow | undefined) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
}

export class Review {
  readonly #connected: Connected;
  readonly #options: ReviewOptions;
  readonly #isAboutMachines: boolean;
  readonly #bell: Bell;
  readonly #routine = new Routine();
  /** Whom there is news of. */
  #about = new Set<string>();
  #isAboutAll = false;

  constructor(connected: Connected, options: ReviewOptions) {
    this.#connected = connected;
    this.#options = options;
    this.#isAboutMachines = options.topics.includes("machine");
    this.#bell = new Bell(options.clock);
  }

  begin(): void {
    const { store, topics, log } = this.#options;
    const offs = topics.map((topic) => store.notices.on(topic, (id) => this.#hear(topic, id)));
    this.#routine.beginLater({
      when: occasion(
        (signal) => this.#news(signal),
        () => {
          for (const off of offs) off();
        },
      ),
      work: (signal) => this.#tell(signal),
      failed: (error) => log.warn({ err: error, topics }, "it could not be looked what is new about machines"),
    });
  }

  async end(): Promise<void> {
    await this.#routine.end();
  }

  #hear(topic: Topic, id: string | undefined): void {
    if (!this.#isAboutMachines || id === undefined) this.#isAboutAll = true;
    else if (this.#connected.of(id) !== undefined) this.#about.add(id);
    // by whose certificate it is cannot be seen
    else if (topic === "certificate") this.#isAboutAll = true;
    else return;
    this.#bell.ring();
  }

  async #news(signal: AbortSignal): Promise<void> {
    if (!(await this.#bell.wait(everyMs, signal, gatherMs))) this.#isAboutAll = true;
  }

  async #tell(signal: AbortSignal): Promise<void> {
    const { store, each } = this.#options;
    const isAboutAll = this.#isAboutAll;
    const about = this.#about;
    this.#isAboutAll = false;
    this.#about = new Set();
    const sessions = this.#connected.all().filter(({ machineId }) => isAboutAll || about.has(machineId));
    for (let from = 0; from < sessions.length && !signal.aborted; from += atOnce) {
      const part = sessions.slice(from, from + atOnce);
      const ids = part.map(({ machineId }) => machineId);
      const now = this.#isAboutMachines ? await machinesNow(store.database, ids) : new Map<string, MachineNow>();
      for (const session of part) this.#connected.unwatched(each(session, now.get(session.machineId)));
      await setImmediate();
    }
  }
}
