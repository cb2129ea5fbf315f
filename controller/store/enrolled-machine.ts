/** The row that a machine begins with. */

import type { Database } from "./schema.ts";

export interface EnrolledMachine {
  readonly id: string;
  /** undefined: an operator has to confirm one. */
  readonly name: string | undefined;
  readonly hostname: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly version: string;
  readonly tokenId: string;
  readonly enrolledMs: number;
  /** For people; may be empty. */
  readonly notice: string;
}

export async function isMachineNameTaken(database: Database, name: string): Promise<boolean> {
  const row = await database.selectFrom("machines").select("id").where("name", "=", name).executeTakeFirst();
  return row !== undefined;
}

export async function insertEnrolledMachine(database: Database, machine: EnrolledMachine): Promise<void> {
  const nothing = new Uint8Array();
  await database
    .insertInto("machines")
    .values({
      id: machine.id,
      name: machine.name ?? null,
      hostname: machine.hostname,
      state: machine.name === undefined ? "pending" : "active",
      labels: JSON.stringify(machine.labels),
      version: machine.version,
      token_id: machine.tokenId,
      enrolled_ms: machine.enrolledMs,
      last_seen_ms: null,
      clock_skew_ms: 0,
      controller_id: null,
      instance: "",
      stream: 0,
      inventory: nothing,
      trust: nothing,
      schedules_revision: "",
      notice: machine.notice,
    })
    .execute();
}
