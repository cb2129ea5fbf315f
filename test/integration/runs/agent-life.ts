/** One agent's runs on a state directory, from its start to its end, and what it logged. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { pino } from "pino";
import type { RunRequest } from "../../../agent/runs/context.ts";
import { RunManager } from "../../../agent/runs/run-manager.ts";
import { RunStore } from "../../../agent/runs/run-store.ts";
import type { Log } from "../../../common/log.ts";
import { type RunEvent, Verb } from "../../../proto/gen/luksmith/v1/types.ts";
import { ManualClock } from "./manual-clock.ts";

export const alice = { uid: 1000, name: "alice" };
export const backupOfHome: RunRequest = { verb: Verb.BACKUP, volume: "home", job: "home", caller: alice };

export interface LogLine {
  readonly level: number;
  readonly msg: string;
}

export class AgentLife {
  readonly clock: ManualClock;
  readonly store: RunStore;
  readonly runs: RunManager;
  readonly logged: LogLine[] = [];
  readonly log: Log;

  constructor(stateDirectory: string, clock = new ManualClock()) {
    this.clock = clock;
    this.log = pino({ level: "trace" }, { write: (line: string) => void this.logged.push(JSON.parse(line)) });
    this.store = RunStore.open(stateDirectory, this.log);
    this.runs = new RunManager(this.store, clock, this.log);
  }

  async end(): Promise<void> {
    await this.runs.close();
    this.store.close();
  }

  errors(): string[] {
    return this.logged.filter(({ level }) => level >= 50).map(({ msg }) => msg);
  }
}

export function stateDirectory(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "luksmith-runs-"));
  context.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

export async function collect(events: AsyncIterable<RunEvent>): Promise<RunEvent[]> {
  const all: RunEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

/** An event in one word. */
export function word(event: RunEvent): string {
  const kind = event.kind;
  if (kind?.$case === "stepBegan") return `+${kind.value.step}`;
  if (kind?.$case === "stepEnded") return `-${kind.value.step}`;
  if (kind?.$case === "note" || kind?.$case === "warning") return kind.value.message;
  if (kind?.$case === "progress") return `${kind.value.bytesDone} B`;
  return kind?.$case ?? "nothing";
}
