/** How many there are of what: for those who watch the controller from outside. */

import type { Database } from "./schema.ts";

/** Of the states of dispatches, those that something may still become of. */
const openDispatches = ["queued", "sent", "running"] as const;

export interface Figures {
  readonly machines: Readonly<Record<"pending" | "active" | "revoked", number>>;
  readonly connected: number;
  readonly dispatches: Readonly<Record<(typeof openDispatches)[number], number>>;
  readonly permits: Readonly<Record<"waiting" | "granted", number>>;
}

export async function readFigures(database: Database): Promise<Figures> {
  const machines = await database
    .selectFrom("machines")
    .select(({ fn }) => ["state", fn.countAll<number>().as("count"), fn.count<number>("controller_id").as("connected")])
    .groupBy("state")
    .execute();
  const dispatches = await database
    .selectFrom("dispatches")
    .select(({ fn }) => ["state", fn.countAll<number>().as("count")])
    .where("state", "in", openDispatches)
    .groupBy("state")
    .execute();
  const permits = await database
    .selectFrom("permits")
    .select(({ fn }) => [fn.countAll<number>().as("count"), fn.count<number>("granted_ms").as("granted")])
    .executeTakeFirstOrThrow();
  const countOf = (rows: readonly { state: string; count: number }[], state: string) =>
    Number(rows.find((row) => row.state === state)?.count ?? 0);
  return {
    machines: {
      pending: countOf(machines, "pending"),
      active: countOf(machines, "active"),
      revoked: countOf(machines, "revoked"),
    },
    connected: machines.reduce((sum, { connected }) => sum + Number(connected), 0),
    dispatches: {
      queued: countOf(dispatches, "queued"),
      sent: countOf(dispatches, "sent"),
      running: countOf(dispatches, "running"),
    },
    permits: { waiting: Number(permits.count) - Number(permits.granted), granted: Number(permits.granted) },
  };
}

export interface JobFigure {
  readonly machine: string;
  readonly job: string;
  readonly lastGoodMs: number | undefined;
  readonly isOverdue: boolean;
}

/** Of so many machines at a time: on SQLite each query holds up everything else. */
const machinesAtOnce = 500;

/** @yields those of each job of each machine of the fleet, and of what should be one */
export async function* readJobFigures(database: Database): AsyncGenerator<JobFigure[]> {
  const overdue = await database
    .selectFrom("alerts")
    .select(["machine_id", "job"])
    .where("kind", "=", "overdue")
    .where("state", "<>", "resolved")
    .execute();
  const missing = Map.groupBy(overdue, ({ machine_id }) => machine_id);
  for (let after = ""; ; ) {
    const machines = await database
      .selectFrom("machines")
      .select(["id", "name", "hostname"])
      .where("state", "=", "active")
      .where("id", ">", after)
      .orderBy("id")
      .limit(machinesAtOnce)
      .execute();
    const last = machines.at(-1);
    if (last === undefined) return;
    const rows = await database
      .selectFrom("job_states")
      .select(["machine_id", "job", "last_good_ms"])
      .where("machine_id", ">", after)
      .where("machine_id", "<=", last.id)
      .execute();
    const jobs = Map.groupBy(rows, ({ machine_id }) => machine_id);
    after = last.id;
    yield machines.flatMap(({ id, name, hostname }) => {
      const late = new Set((missing.get(id) ?? []).map(({ job }) => job));
      const machine = name ?? hostname;
      const known = (jobs.get(id) ?? []).map(({ job, last_good_ms }) => ({
        machine,
        job,
        lastGoodMs: last_good_ms ?? undefined,
        isOverdue: late.delete(job),
      }));
      // a schedule wants them, and the machine has no such job
      return [...known, ...[...late].map((job) => ({ machine, job, lastGoodMs: undefined, isOverdue: true }))];
    });
  }
}

/** When the first certificate ends of those that are the newest of whoever has them; by kind, of those that there are. */
export async function firstExpiries(
  database: Database,
): Promise<{ kind: "authority" | "machine" | "operator" | "controller"; expiresMs: number }[]> {
  const authority = await database
    .selectFrom("authorities")
    .select(({ fn }) => fn.min<number | null>("expires_ms").as("expires"))
    .executeTakeFirst();
  const newest = database
    .selectFrom("certificates")
    .select(({ fn }) => ["kind", "owner", fn.max("expires_ms").as("expires_ms")])
    .where("revoked_ms", "is", null)
    // of those who are gone nobody waits for a new one
    .where(({ or, eb, exists, selectFrom }) =>
      or([
        eb("kind", "=", "operator"),
        exists(
          selectFrom("machines")
            .select("id")
            .whereRef("machines.id", "=", "certificates.owner")
            .where("machines.state", "=", "active"),
        ),
        exists(selectFrom("controllers").select("id").whereRef("controllers.id", "=", "certificates.owner")),
      ]),
    )
    .groupBy(["kind", "owner"])
    .as("newest");
  const rows = await database
    .selectFrom(newest)
    .select(({ fn }) => ["kind", fn.min("newest.expires_ms").as("expires_ms")])
    .groupBy("kind")
    .execute();
  const others = rows.map(({ kind, expires_ms }) => ({ kind, expiresMs: expires_ms }));
  const expires = authority?.expires;
  return expires === null || expires === undefined
    ? others
    : [{ kind: "authority" as const, expiresMs: expires }, ...others];
}
