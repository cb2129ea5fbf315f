/** Rows of a small fleet, with something of everything in it. */

import type { Store } from "../../../../controller/store/store.ts";
import { RunReport } from "../../../../proto/gen/luksmith/v1/fleet.ts";

/** web1 is well, web2 is overdue, web3 waits to be confirmed. */
export async function addSmallFleet({ database }: Store, nowMs: number): Promise<void> {
  const machine = {
    hostname: "h",
    labels: "{}",
    version: "1",
    token_id: "t",
    enrolled_ms: nowMs,
    last_seen_ms: nowMs,
    clock_skew_ms: 0,
    instance: "i",
    stream: 1,
    inventory: new Uint8Array(),
    trust: new Uint8Array(),
    schedules_revision: "",
    notice: "",
  };
  await database
    .insertInto("machines")
    .values([
      { ...machine, id: "1", name: "web1", state: "active", controller_id: "c" },
      { ...machine, id: "2", name: 'we"b2', state: "active", controller_id: null },
      { ...machine, id: "3", name: null, state: "pending", controller_id: "c" },
    ])
    .execute();
  const job = { job: "home", last_run_id: null, last_state: null, last_started_ms: null, since_ms: nowMs };
  await database
    .insertInto("job_states")
    .values([
      { ...job, machine_id: "1", last_good_ms: nowMs - 1000 },
      { ...job, machine_id: "2", last_good_ms: null },
    ])
    .execute();
  const alert = {
    machine_id: "2",
    kind: "overdue",
    message: "m",
    since_ms: nowMs,
    seen_ms: nowMs,
    fired_ms: nowMs,
    clear_ms: null,
    resolved_ms: null,
    flaps: 0,
    notified: 1,
    notified_ms: nowMs,
  };
  await database
    .insertInto("alerts")
    .values([
      { ...alert, id: "a", subject: "a", job: "home", state: "firing" },
      { ...alert, id: "b", subject: "b", job: "gone", state: "pending" },
      { ...alert, id: "c", subject: "c", job: "old", state: "resolved", resolved_ms: nowMs },
    ])
    .execute();
  const dispatch = {
    batch: "b",
    machine_id: "1",
    created_ms: nowMs,
    created_by: "o",
    expires_ms: nowMs,
    changed_ms: nowMs,
  };
  await database
    .insertInto("dispatches")
    .values([
      {
        ...dispatch,
        id: "1",
        work: RunReport.encode(RunReport.create()).finish(),
        state: "queued",
        run_id: null,
        error: null,
      },
      { ...dispatch, id: "2", work: new Uint8Array(), state: "ended", run_id: "r", error: null },
    ])
    .execute();
  const permit = {
    schedule: "s",
    occurrence_ms: 1,
    machine_id: "1",
    volume: "",
    backup_host: "h",
    asked_ms: 1,
    expires_ms: nowMs,
  };
  await database
    .insertInto("permits")
    .values([
      { ...permit, job: "a", granted_ms: 1 },
      { ...permit, job: "b", granted_ms: null },
      { ...permit, job: "c", granted_ms: null },
    ])
    .execute();
  await database
    .insertInto("authorities")
    .values({
      fingerprint: "f",
      certificate: "c",
      sealed_key: new Uint8Array(),
      created_ms: nowMs,
      expires_ms: nowMs + 9_000,
    })
    .execute();
  const certificate = { issuer: "f", issued_ms: nowMs, revoked_ms: null };
  await database
    .insertInto("certificates")
    .values([
      // replaced by the next
      { ...certificate, kind: "machine", serial: "1", owner: "1", expires_ms: nowMs + 1_000 },
      { ...certificate, kind: "machine", serial: "2", owner: "1", expires_ms: nowMs + 8_000 },
      { ...certificate, kind: "machine", serial: "3", owner: "2", expires_ms: nowMs + 7_000 },
      // of one that is gone
      { ...certificate, kind: "machine", serial: "4", owner: "9", expires_ms: nowMs + 500 },
      { ...certificate, kind: "controller", serial: "5", owner: "c", expires_ms: nowMs + 6_000 },
    ])
    .execute();
  await database
    .insertInto("controllers")
    .values({ id: "c", address: "a:1", version: "1", started_ms: nowMs, seen_ms: nowMs })
    .execute();
  await database
    .insertInto("deliveries")
    .values({ id: "d", channel: "mail", payload: "{}", created_ms: nowMs, attempts: 0, next_ms: nowMs, error: "" })
    .execute();
  await database
    .insertInto("settings")
    .values({ name: "alerts.looked_ms", value: `${nowMs}` })
    .execute();
}
