/** Why a run began that nobody on the machine has asked for. */

import type { StatementSync } from "node:sqlite";
import type { RunCause } from "../../proto/gen/luksmith/v1/fleet.ts";
import type { HistoryTables } from "./run-store.ts";

export class RunCauses {
  readonly #tables: HistoryTables;
  readonly #put: StatementSync;
  readonly #get: StatementSync;
  readonly #prune: StatementSync;

  /** @throws {LuksmithError} as all that is done here, when the history cannot be read or written */
  constructor(tables: HistoryTables) {
    this.#tables = tables;
    this.#put = tables.prepare("insert or replace into run_causes values (?, ?, ?, ?)");
    this.#get = tables.prepare("select * from run_causes where run_id = ?");
    // a run that is newer than all that are on record is about to be
    this.#prune = tables.prepare(
      "delete from run_causes where run_id not in (select id from runs) and run_id < (select max(id) from runs)",
    );
  }

  /** Before the run begins. */
  put(runId: string, { schedule, occurrence, dispatchId }: RunCause): void {
    this.#tables.writing(() => {
      this.#prune.run();
      this.#put.run(runId, schedule, occurrence?.getTime() ?? null, dispatchId);
    });
  }

  /** Undefined: somebody on the machine, or the run is forgotten. */
  get(runId: string): RunCause | undefined {
    const row = this.#tables.reading(() => this.#get.get(runId));
    if (row === undefined) return undefined;
    const { schedule, moment_ms: momentMs, dispatch_id: dispatchId } = row;
    return {
      schedule: String(schedule),
      occurrence: momentMs === null ? undefined : new Date(Number(momentMs)),
      dispatchId: String(dispatchId),
    };
  }
}
