/** The machines of the fleet: who they are, what they have, and which controller has their stream. */

import { type Selectable, sql } from "kysely";
import { Inventory, Trust } from "../../proto/gen/luksmith/v1/fleet.ts";
import { listOf, oneOf } from "./json-list.ts";
import type { Database, Tables } from "./schema.ts";

export type MachineState = "pending" | "active" | "revoked";
export type Labels = Readonly<Record<string, string>>;

/** What is asked of many machines at once. */
export interface MachineHead {
  readonly id: string;
  /** undefined: nobody has confirmed one. */
  readonly name: string | undefined;
  readonly hostname: string;
  readonly state: MachineState;
  readonly labels: Labels;
  readonly enrolledMs: number;
}

export interface Machine extends MachineHead {
  readonly version: string;
  readonly tokenId: string;
  readonly lastSeenMs: number | undefined;
  readonly clockSkewMs: number;
  /** The controller that has its stream; undefined: none. */
  readonly controllerId: string | undefined;
  readonly instance: string;
  readonly address: string;
  readonly stream: number;
  readonly inventory: Inventory;
  readonly trust: Trust;
  readonly schedulesRevision: string;
  readonly notice: string;
}

export type NewMachine = MachineHead & Pick<Machine, "version" | "tokenId">;

/** @throws what {@link isTaken} knows, when another one has the name */
export async function addMachine(database: Database, machine: NewMachine): Promise<void> {
  const nothing = { inventory: new Uint8Array(), trust: new Uint8Array(), schedules_revision: "", notice: "" };
  await database
    .insertInto("machines")
    .values({
      id: machine.id,
      name: machine.name ?? null,
      hostname: machine.hostname,
      state: machine.state,
      labels: JSON.stringify(machine.labels),
      version: machine.version,
      token_id: machine.tokenId,
      enrolled_ms: machine.enrolledMs,
      last_seen_ms: null,
      clock_skew_ms: 0,
      controller_id: null,
      instance: "",
      stream: 0,
      ...nothing,
    })
    .execute();
}

export async function getMachine(database: Database, id: string): Promise<Machine | undefined> {
  const row = await database.selectFrom("machines").selectAll().where("id", "=", id).executeTakeFirst();
  return row === undefined ? undefined : machineOf(row);
}

/** Whose id it is; or whose name; or those whose host name it is. */
export async function findMachines(database: Database, text: string): Promise<Machine[]> {
  const rows = await database
    .selectFrom("machines")
    .selectAll()
    .where((where) => where.or([where("id", "=", text), where("name", "=", text), where("hostname", "=", text)]))
    .orderBy("id")
    .execute();
  const machines = rows.map(machineOf);
  const byId = machines.filter(({ id }) => id === text);
  const byName = machines.filter(({ name }) => name === text);
  return [byId, byName].find((found) => found.length > 0) ?? machines;
}

/** By name; those without one come last. */
export async function listMachines(database: Database): Promise<Machine[]> {
  const rows = await database.selectFrom("machines").selectAll().orderBy("id").execute();
  return rows.map(machineOf).sort(byName);
}

/** All, or those whose stream a controller has. In no order. */
export async function listMachineHeads(database: Database, controllerId?: string): Promise<MachineHead[]> {
  const rows = await database
    .selectFrom("machines")
    .select(["id", "name", "hostname", "state", "labels", "enrolled_ms"])
    .$if(controllerId !== undefined, (query) => query.where("controller_id", "=", controllerId ?? ""))
    .execute();
  return rows.map(headOf);
}

/** What has to be known of a machine to ask it for something. */
export interface MachineOffer extends MachineHead {
  readonly inventory: Inventory;
}

/** By name; those without one come last. */
export async function listMachineOffers(database: Database): Promise<MachineOffer[]> {
  const rows = await database
    .selectFrom("machines")
    .select(["id", "name", "hostname", "state", "labels", "enrolled_ms", "inventory"])
    .orderBy("id")
    .execute();
  return rows.map((row) => ({ ...headOf(row), inventory: Inventory.decode(row.inventory) })).sort(byName);
}

export interface MachineCounts {
  readonly machines: number;
  readonly connected: number;
  readonly pending: number;
}

/** Revoked ones do not count. */
export async function countMachines(database: Database): Promise<MachineCounts> {
  const counts = await database
    .selectFrom("machines")
    .select(({ fn }) => [
      fn.countAll<number>().as("machines"),
      fn.count<number>("controller_id").as("connected"),
      fn.sum<number | null>(sql<number>`case when state = 'pending' then 1 else 0 end`).as("pending"),
    ])
    .where("state", "<>", "revoked")
    .executeTakeFirstOrThrow();
  return {
    machines: Number(counts.machines),
    connected: Number(counts.connected),
    pending: Number(counts.pending ?? 0),
  };
}

/** What is left out stays. @throws what {@link isTaken} knows, when another one has the name @returns whether there is one */
export async function changeMachine(
  database: Database,
  id: string,
  change: { name?: string; state?: MachineState; labels?: Labels; notice?: string },
): Promise<boolean> {
  const { labels, ...others } = change;
  const result = await database
    .updateTable("machines")
    .set({ ...others, ...(labels === undefined ? {} : { labels: JSON.stringify(labels) }), id })
    .where("id", "=", id)
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
}

/**
 * What somebody should look at, unless there is something else already.
 * @param kind how all begin that it may take the place of @returns whether it is new
 */
export async function noteMachine(database: Database, id: string, notice: string, kind = notice): Promise<boolean> {
  const result = await database
    .updateTable("machines")
    .set({ notice })
    .where("id", "=", id)
    .where("notice", "<>", notice)
    .where(({ eb, or }) => or([eb("notice", "=", ""), eb(sql`substr(notice, 1, ${kind.length})`, "=", kind)]))
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
}

/** With all that is known of it. Its certificates stay: what is revoked must be known as that. */
export async function forgetMachine(database: Database, id: string): Promise<void> {
  for (const table of ["run_events", "runs", "usage", "job_states", "dispatches", "permits", "alerts"] as const) {
    await database.deleteFrom(table).where("machine_id", "=", id).execute();
  }
  await database.deleteFrom("machines").where("id", "=", id).execute();
}

/** What an agent says of itself as it begins. */
export interface StreamBegin {
  readonly machineId: string;
  readonly controllerId: string;
  readonly instance: string;
  readonly address: string;
  readonly version: string;
  readonly hostname: string;
  readonly inventory: Inventory;
  readonly trust: Trust;
  readonly schedulesRevision: string;
  readonly clockSkewMs: number;
  readonly nowMs: number;
}

export interface BegunStream {
  readonly machine: MachineHead;
  /** Higher than that of all streams before. */
  readonly stream: number;
  /** Its stream until then, if that has not ended. */
  readonly before: { readonly controllerId: string; readonly instance: string } | undefined;
  /** Another start of the agent than the last one. */
  readonly isAnew: boolean;
}

/**
 * To be called in a transaction. @param begins of different machines
 * @returns by machine; those that are not known, or are revoked, are missing
 */
export async function beginStreams(
  transaction: Database,
  begins: readonly StreamBegin[],
): Promise<Map<string, BegunStream>> {
  if (begins.length === 0) return new Map();
  const ids = begins.map(({ machineId }) => machineId);
  await transaction
    .updateTable("machines")
    // the rows are ours from here on, also where two controllers have the same thought
    .set((columns) => ({ stream: columns("stream", "+", 1) }))
    .where("id", "in", oneOf(transaction, ids))
    .where("state", "<>", "revoked")
    .execute();
  const rows = await transaction
    .selectFrom("machines")
    .select(["id", "name", "hostname", "state", "labels", "enrolled_ms", "stream", "controller_id", "instance"])
    .where("id", "in", oneOf(transaction, ids))
    .where("state", "<>", "revoked")
    .execute();
  const known = new Map(rows.map((row) => [row.id, row]));
  const beginning = begins.flatMap((begin) => {
    const row = known.get(begin.machineId);
    return row === undefined ? [] : [{ begin, row }];
  });
  await writeBegins(
    transaction,
    beginning.map(({ begin }) => begin),
  );
  return new Map(
    beginning.map(({ begin, row }): [string, BegunStream] => [
      row.id,
      {
        machine: { ...headOf(row), hostname: begin.hostname },
        stream: row.stream,
        before: row.controller_id === null ? undefined : { controllerId: row.controller_id, instance: row.instance },
        isAnew: row.instance !== begin.instance,
      },
    ]),
  );
}

async function writeBegins(transaction: Database, begins: readonly StreamBegin[]): Promise<void> {
  if (begins.length === 0) return;
  const list = listOf(
    transaction,
    ["text", "text", "text", "text", "text", "text", "bytes", "bytes", "text", "bigint", "bigint"],
    begins.map((begin) => [
      ...[begin.machineId, begin.controllerId, begin.instance, begin.address, begin.version, begin.hostname],
      ...[Inventory.encode(begin.inventory).finish(), Trust.encode(begin.trust).finish()],
      ...[begin.schedulesRevision, begin.clockSkewMs, begin.nowMs],
    ]),
  );
  // two with one identity that are there at a time would have found one another: what was said of them is over
  await sql`update machines set
      notice = case when controller_id is null then '' else notice end,
      controller_id = v.column2, instance = v.column3, address = v.column4, version = v.column5, hostname = v.column6,
      inventory = v.column7, trust = v.column8, schedules_revision = v.column9, clock_skew_ms = v.column10, last_seen_ms = v.column11
    from ${list} as v where machines.id = v.column1`.execute(transaction);
}

/** Unless another one has begun since. */
export async function endStream(database: Database, machineId: string, stream: number): Promise<void> {
  await database
    .updateTable("machines")
    .set({ controller_id: null })
    .where("id", "=", machineId)
    .where("stream", "=", stream)
    .execute();
}

/** Of a controller whose machines were taken for lost: those streams that it still has, and nobody else since. */
export async function takeBackStreams(
  database: Database,
  controllerId: string,
  streams: readonly { readonly machineId: string; readonly stream: number }[],
): Promise<void> {
  const list = listOf(
    database,
    ["text", "bigint"],
    streams.map(({ machineId, stream }) => [machineId, stream]),
  );
  // not by the index of controllers: SQLite would go through the list for each machine that has none
  await sql`update machines set controller_id = ${controllerId} from ${list} as v
    where machines.id = v.column1 and machines.stream = v.column2 and coalesce(controller_id, '') = ''`.execute(
    database,
  );
}

/** Of a controller that has just begun: whatever it had before has ended with it. */
export async function endStreamsOf(database: Database, controllerId: string): Promise<void> {
  await database
    .updateTable("machines")
    .set({ controller_id: null })
    .where("controller_id", "=", controllerId)
    .execute();
}

/** What became of a machine that had a stream. */
export interface MachineNow extends MachineHead {
  readonly stream: number;
  readonly instance: string;
  readonly address: string;
}

/** Those among them that are still known. */
export async function machinesNow(database: Database, ids: readonly string[]): Promise<Map<string, MachineNow>> {
  const rows = await database
    .selectFrom("machines")
    .select(["id", "name", "hostname", "state", "labels", "enrolled_ms", "stream", "instance", "address"])
    .where("id", "in", oneOf(database, ids))
    .execute();
  return new Map(
    rows.map((row): [string, MachineNow] => {
      const { stream, instance, address } = row;
      return [row.id, { ...headOf(row), stream, instance, address }];
    }),
  );
}

export interface Seen {
  readonly machineId: string;
  readonly seenMs: number;
  readonly clockSkewMs: number;
}

/** Many at once. */
export async function seeMachines(database: Database, seen: readonly Seen[]): Promise<void> {
  const list = listOf(
    database,
    ["text", "bigint", "bigint"],
    seen.map(({ machineId, seenMs, clockSkewMs }) => [machineId, seenMs, clockSkewMs]),
  );
  await sql`update machines set last_seen_ms = v.column2, clock_skew_ms = v.column3
    from ${list} as v where machines.id = v.column1`.execute(database);
}

export async function setInventory(database: Database, machineId: string, inventory: Inventory): Promise<void> {
  const bytes = Inventory.encode(inventory).finish();
  await database.updateTable("machines").set({ inventory: bytes }).where("id", "=", machineId).execute();
}

export async function setTrust(database: Database, machineId: string, trust: Trust): Promise<void> {
  const bytes = Trust.encode(trust).finish();
  await database.updateTable("machines").set({ trust: bytes }).where("id", "=", machineId).execute();
}

export async function setSchedulesRevision(database: Database, machineId: string, revision: string): Promise<void> {
  await database.updateTable("machines").set({ schedules_revision: revision }).where("id", "=", machineId).execute();
}

type Row = Selectable<Tables["machines"]>;

function headOf(row: Pick<Row, "id" | "name" | "hostname" | "state" | "labels" | "enrolled_ms">): MachineHead {
  return {
    id: row.id,
    name: row.name ?? undefined,
    hostname: row.hostname,
    state: row.state,
    labels: JSON.parse(row.labels),
    enrolledMs: row.enrolled_ms,
  };
}

function machineOf(row: Row): Machine {
  return {
    ...headOf(row),
    version: row.version,
    tokenId: row.token_id,
    lastSeenMs: row.last_seen_ms ?? undefined,
    clockSkewMs: row.clock_skew_ms,
    controllerId: row.controller_id ?? undefined,
    instance: row.instance,
    address: row.address,
    stream: row.stream,
    inventory: Inventory.decode(row.inventory),
    trust: Trust.decode(row.trust),
    schedulesRevision: row.schedules_revision,
    notice: row.notice,
  };
}

function byName(a: MachineHead, b: MachineHead): number {
  if (a.name === undefined || b.name === undefined) return Number(a.name === undefined) - Number(b.name === undefined);
  if (a.name === b.name) return 0;
  return a.name < b.name ? -1 : 1;
}
