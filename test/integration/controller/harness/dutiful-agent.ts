/**
 * Plays an agent that does what it should: stays connected to whichever controller is there, executes each dispatch once however
 * often it comes, and reports runs with their events until they are recorded.
 */

import type { RunReport } from "../../../../proto/gen/luksmith/v1/fleet.ts";
import { type RunEvent, RunState } from "../../../../proto/gen/luksmith/v1/types.ts";
import { noteEvent, reportOf } from "./fleet-rows.ts";
import { TestAgent, type ToAgent } from "./test-agent.ts";

interface ToReport {
  readonly begin: RunReport;
  readonly events: readonly RunEvent[];
  readonly end: RunReport;
  isRecorded: boolean;
}

const againMs = 50;

export class DutifulAgent {
  readonly machineId: string;
  /** How often each dispatch was sent to it. */
  readonly sent = new Map<string, number>();
  /** What it has done, by dispatch: the run. */
  readonly executed = new Map<string, string>();
  readonly #agent: TestAgent;
  readonly #runs = new Map<string, ToReport>();
  readonly #eventsEach: number;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  private constructor(agent: TestAgent, machineId: string, eventsEach: number) {
    this.#agent = agent;
    this.machineId = machineId;
    this.#eventsEach = eventsEach;
    agent.onTold = (told) => this.#hear(told);
  }

  static async start(machineId: string, to: () => number, eventsEach = 3): Promise<DutifulAgent> {
    const agent = new DutifulAgent(await TestAgent.of(machineId, to), machineId, eventsEach);
    agent.#stayConnected();
    return agent;
  }

  get isAllRecorded(): boolean {
    return [...this.#runs.values()].every(({ isRecorded }) => isRecorded);
  }

  get runIds(): string[] {
    return [...this.#runs.keys()];
  }

  /** A run that is over by now. */
  ran(runId: string, dispatchId = ""): void {
    const events = Array.from({ length: this.#eventsEach }, (_, index) => noteEvent(index + 1));
    const end = reportOf(runId, { state: RunState.DONE }, { dispatchId });
    this.#runs.set(runId, { begin: reportOf(runId, {}, { dispatchId }), events, end, isRecorded: false });
    this.#report(runId);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#agent.close();
  }

  #stayConnected(): void {
    if (this.#isClosed) return;
    this.#agent.connect();
    this.#agent.hello();
    const look = () => {
      if (this.#isClosed) return;
      if (this.#agent.ended === undefined) this.#timer = setTimeout(look, againMs);
      else this.#stayConnected();
    };
    this.#timer = setTimeout(look, againMs);
  }

  #hear(told: ToAgent): void {
    if (told.$case === "welcome") for (const runId of this.#runs.keys()) this.#report(runId);
    if (told.$case === "dispatch") this.#take(told.value.id);
    if (told.$case === "recorded" && told.value.ended) {
      const run = this.#runs.get(told.value.runId);
      if (run !== undefined) run.isRecorded = true;
    }
  }

  #take(id: string): void {
    this.sent.set(id, (this.sent.get(id) ?? 0) + 1);
    const runId = this.executed.get(id) ?? `r${this.executed.size}x${this.machineId}`;
    const isNew = !this.executed.has(id);
    this.executed.set(id, runId);
    this.#agent.say({ $case: "dispatchAnswer", value: { id, runId, error: undefined } });
    if (isNew) this.ran(runId, id);
  }

  #report(runId: string): void {
    const run = this.#runs.get(runId);
    if (run === undefined || run.isRecorded) return;
    this.#agent.say({ $case: "runReport", value: run.begin });
    this.#agent.say({ $case: "runEvents", value: { runId, events: [...run.events] } });
    this.#agent.say({ $case: "runReport", value: run.end });
  }
}
