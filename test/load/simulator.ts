/** A process of simulated machines: told by its parent which, and what to do; it tells how many are where. */

import { readFileSync } from "node:fs";
import { type FleetToJoin, SimulatedAgent, type SimulatedIdentity } from "./simulated-agent.ts";

export interface SimulatorOrder {
  readonly kind: "join";
  /** A file with an identity in each line, as JSON; these are taken. */
  readonly identities: string;
  readonly from: number;
  readonly to: number;
  readonly fleet: FleetToJoin;
  /** So many begin to connect each second. */
  readonly perSecond: number;
}

export interface SimulatorReport {
  readonly connected: number;
  readonly disconnects: number;
  readonly asked: number;
  readonly recorded: number;
  readonly beats: number;
  /** Schedules that came, of one machine or of several. */
  readonly scheduled: number;
  /** Milliseconds of the machine's clock that never jumps, when the last of each was. */
  readonly lastConnectedAt: number;
  readonly lastAskedAt: number;
  readonly lastRecordedAt: number;
  readonly lastScheduledAt: number;
  /** When each request came since the last `reset`. */
  readonly askedAt: readonly number[];
  readonly reasons: Readonly<Record<string, number>>;
}

const reportMs = 100;

/** The same for all processes of this machine. */
export function machineMs(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}

function main(): void {
  const state = {
    ...{ connected: 0, disconnects: 0, asked: 0, recorded: 0, beats: 0, scheduled: 0 },
    ...{ lastConnectedAt: 0, lastAskedAt: 0, lastRecordedAt: 0, lastScheduledAt: 0 },
    askedAt: [] as number[],
    reasons: {} as Record<string, number>,
  };
  const observer = {
    connected() {
      state.connected += 1;
      state.lastConnectedAt = machineMs();
    },
    disconnected(_name: string, why: string) {
      state.connected -= 1;
      state.disconnects += 1;
      state.reasons[why] = (state.reasons[why] ?? 0) + 1;
    },
    asked() {
      state.asked += 1;
      state.lastAskedAt = machineMs();
      state.askedAt.push(state.lastAskedAt);
    },
    recorded() {
      state.recorded += 1;
      state.lastRecordedAt = machineMs();
    },
    beat() {
      state.beats += 1;
    },
    scheduled() {
      state.scheduled += 1;
      state.lastScheduledAt = machineMs();
    },
  };
  const join = ({ identities, from, to, fleet, perSecond }: SimulatorOrder) => {
    const lines = readFileSync(identities, "utf8").split("\n").slice(from, to);
    const agents = lines.map((line, index) => {
      const identity: SimulatedIdentity = JSON.parse(line);
      return new SimulatedAgent(from + index, identity, fleet, observer);
    });
    agents.forEach((agent, index) => {
      setTimeout(() => agent.connect(), (index / perSecond) * 1000);
    });
  };
  process.on("message", (message: SimulatorOrder | { kind: "reset" }) => {
    if (message.kind === "join") join(message);
    else {
      state.disconnects = 0;
      state.asked = 0;
      state.recorded = 0;
      state.scheduled = 0;
      state.askedAt = [];
      state.reasons = {};
    }
  });
  process.on("disconnect", () => process.exit(0));
  setInterval(() => process.send?.({ ...state }), reportMs);
}

if (import.meta.main) main();
